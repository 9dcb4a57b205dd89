// A small tool with a mistake on its error path: if a package or the repair fails, the session stays
// open. It spells the library's name as different programs do, and all of them are the same library.
//
//     repair.exe package...

using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;

internal static class Repair
{
    [UnmanagedFunctionPointer(CallingConvention.Winapi)]
    private delegate void ProgressCallback(uint current, uint total, IntPtr userData);

    [DllImport("dismapi.dll", CharSet = CharSet.Unicode)]
    private static extern int DismInitialize(int logLevel, string logFile, string scratchDirectory);

    [DllImport("DismAPI.dll")]
    private static extern int DismShutdown();

    [DllImport("DismApi", CharSet = CharSet.Unicode)]
    private static extern int DismOpenSession(
        string imagePath, string windowsDirectory, string systemDrive, out uint session);

    [DllImport("DismAPI")]
    private static extern int DismCloseSession(uint session);

    [DllImport("dismapi", CharSet = CharSet.Unicode)]
    private static extern int DismAddPackage(
        uint session, string packagePath, bool ignoreCheck, bool preventPending, IntPtr cancelEvent,
        ProgressCallback progress, IntPtr userData);

    [DllImport("DismApi.dll")]
    private static extern int DismRestoreImageHealth(
        uint session, IntPtr sourcePaths, uint sourcePathCount, bool limitAccess, IntPtr cancelEvent,
        ProgressCallback progress, IntPtr userData);

    private static void Check(string what, int code)
    {
        if (code < 0)
        {
            throw new InvalidOperationException(string.Format("{0}: 0x{1:X8}", what, code));
        }
    }

    private static void Run(string[] packages)
    {
        uint session;
        Check("open", DismOpenSession(@"C:\mount", null, null, out session));
        foreach (var package in packages)
        {
            Check(package, DismAddPackage(
                session, package, false, false, IntPtr.Zero, null, IntPtr.Zero));
        }
        var seen = new List<uint>();
        ProgressCallback progress = (current, total, user) => seen.Add(current);
        var code = DismRestoreImageHealth(
            session, IntPtr.Zero, 0, false, IntPtr.Zero, progress, IntPtr.Zero);
        GC.KeepAlive(progress);
        Console.WriteLine("repair: 0x{0:X8} after {1}", code, string.Join(" ", seen));
        Check("repair", code);
        // The mistake: an exception skips this.
        Check("close", DismCloseSession(session));
    }

    private static void Main(string[] packages)
    {
        Check("initialize", DismInitialize(1, null, null));
        try
        {
            Run(packages);
        }
        catch (InvalidOperationException failed)
        {
            Console.WriteLine(failed.Message);
        }
        DismShutdown();
    }
}
