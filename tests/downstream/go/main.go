// Client enables a feature of the running system.
package main

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

const onlineImage = "DISM_{53BFAE52-B167-4E2F-A258-0A37B57FF845}"

var (
	dism           = syscall.NewLazyDLL("DismApi.dll")
	dismInitialize = dism.NewProc("DismInitialize")
	dismShutdown   = dism.NewProc("DismShutdown")

	dismOpenSession         = dism.NewProc("DismOpenSession")
	dismCloseSession        = dism.NewProc("DismCloseSession")
	dismEnableFeature       = dism.NewProc("DismEnableFeature")
	dismGetLastErrorMessage = dism.NewProc("DismGetLastErrorMessage")
	dismDelete              = dism.NewProc("DismDelete")
)

// Failed says which function failed and why.
type Failed struct {
	function string
	code     uint32
	message  string
}

func (failed *Failed) Error() string {
	return fmt.Sprintf("%s failed with 0x%08X: %s", failed.function, failed.code, failed.message)
}

// The last error is the thread's, so main stays on one thread.
func check(function string, result uintptr) error {
	if int32(result) >= 0 {
		return nil
	}
	return &Failed{function, uint32(result), lastErrorMessage()}
}

func lastErrorMessage() string {
	var message **uint16
	result, _, _ := dismGetLastErrorMessage.Call(uintptr(unsafe.Pointer(&message)))
	if int32(result) < 0 || message == nil {
		return ""
	}
	var units []uint16
	for at := *message; *at != 0; at = (*uint16)(unsafe.Add(unsafe.Pointer(at), 2)) {
		units = append(units, *at)
	}
	dismDelete.Call(uintptr(unsafe.Pointer(message)))
	return syscall.UTF16ToString(units)
}

func enableFeature(name string) (err error) {
	image, _ := syscall.UTF16PtrFromString(onlineImage)
	feature, err := syscall.UTF16PtrFromString(name)
	if err != nil {
		return err
	}
	progress := syscall.NewCallback(func(current, total, userData uintptr) uintptr {
		fmt.Printf("%d of %d\n", current, total)
		return 0
	})

	result, _, _ := dismInitialize.Call(1, 0, 0)
	if err := check("DismInitialize", result); err != nil {
		return err
	}
	defer func() {
		result, _, _ := dismShutdown.Call()
		if failed := check("DismShutdown", result); err == nil {
			err = failed
		}
	}()
	var session uint32
	result, _, _ = dismOpenSession.Call(
		uintptr(unsafe.Pointer(image)), 0, 0, uintptr(unsafe.Pointer(&session)))
	if err := check("DismOpenSession", result); err != nil {
		return err
	}
	defer func() {
		result, _, _ := dismCloseSession.Call(uintptr(session))
		if failed := check("DismCloseSession", result); err == nil {
			err = failed
		}
	}()
	result, _, _ = dismEnableFeature.Call(uintptr(session), uintptr(unsafe.Pointer(feature)),
		0, 0, 0, 0, 0, 1, 0, progress, 0)
	return check("DismEnableFeature", result)
}

func main() {
	runtime.LockOSThread()
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: client <feature>")
		os.Exit(2)
	}
	if err := enableFeature(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("enabled")
}
