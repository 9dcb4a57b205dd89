/* What a DISM program needs of windows.h where there is none: names for types. Everything else a
 * program for Linux or macOS takes from its own headers.
 *
 * Compile with `-fshort-wchar`, so that L"text" is made of 16-bit units there too, and with
 * `-fms-extensions`, which C needs for DismPackageInfoEx. Wide functions of the C library (wcslen,
 * wprintf) still expect their own units: do not use them.
 *
 * Sizes are Windows's: a `long` of 64 bits would be wrong for each of these. */
#ifndef DISM_EMU_WINDOWS_H
#define DISM_EMU_WINDOWS_H

#ifdef _WIN32
#error "this stands in for the system's windows.h, and Windows has one"
#endif

#include <stddef.h>
#include <stdint.h>

#define VOID void
/* One calling convention is all there is. */
#define WINAPI
#define CALLBACK

typedef int32_t BOOL;
/* As mingw-w64 calls it. */
typedef BOOL WINBOOL;
typedef uint16_t WORD;
typedef uint32_t DWORD;
typedef uint32_t UINT;
typedef uint64_t UINT64;
typedef int32_t HRESULT;
typedef DWORD *PDWORD;
typedef void *PVOID;
typedef void *HANDLE;
typedef const wchar_t *PCWSTR;

typedef struct _SYSTEMTIME {
    WORD wYear;
    WORD wMonth;
    WORD wDayOfWeek;
    WORD wDay;
    WORD wHour;
    WORD wMinute;
    WORD wSecond;
    WORD wMilliseconds;
} SYSTEMTIME;

#ifndef TRUE
#define TRUE 1
#define FALSE 0
#endif

#define S_OK ((HRESULT)0x00000000)
#define S_FALSE ((HRESULT)0x00000001)
#define E_INVALIDARG ((HRESULT)0x80070057)
#define SUCCEEDED(code) ((HRESULT)(code) >= 0)
#define FAILED(code) ((HRESULT)(code) < 0)

#endif
