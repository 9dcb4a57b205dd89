/* What a DISM program needs of windows.h on a system that has none: names for types. A program for
 * Linux or macOS takes everything else from its own headers.
 *
 * Compile with `-fshort-wchar`, so that L"text" is made of 16-bit units there too, and with
 * `-fms-extensions`, which C needs for DismPackageInfoEx. Wide functions of the C library (wcslen,
 * wprintf) still expect their own units: do not use them.
 *
 * Sizes are Windows's: a `long` of 64 bits would be wrong for each of these. */
#ifndef DISM_EMU_WINDOWS_H
#define DISM_EMU_WINDOWS_H

#ifdef _WIN32
#error "this replaces windows.h on systems that have none; on Windows, use the system's own"
#endif

#include <stddef.h>
#include <stdint.h>

#define VOID void
/* There is only one calling convention. */
#define WINAPI
#define CALLBACK

typedef int32_t BOOL;
/* The name in mingw-w64. */
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
