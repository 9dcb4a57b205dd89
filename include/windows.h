/* What a DISM program needs of windows.h on a system that has none: names for types, the words of
 * Microsoft's own samples, and text output. A program takes everything else from the system's own headers.
 *
 * Compile with `-fshort-wchar`, so that L"text" is made of 16-bit units, and with `-fms-extensions`, which
 * C needs for DismPackageInfoEx. The C library's wide functions expect units of 32 bits. wprintf and
 * fwprintf are replaced here; do not use the others (wcslen, wcscpy).
 *
 * Sizes are Windows's: a `long` of 64 bits would be wrong for each of these. */
#ifdef _WIN32
#include_next <windows.h>
#elif !defined(DISM_EMU_WINDOWS_H)
#define DISM_EMU_WINDOWS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define VOID void
/* There is only one calling convention. */
#define WINAPI
#define CALLBACK
#define _cdecl
#define __cdecl
#define UNREFERENCED_PARAMETER(name) ((void)(name))

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

/* Returns the text as UTF-8, in memory that the caller frees. */
static inline char *dism_emu_narrow(const wchar_t *text) {
    size_t units = 0;
    char *narrow, *end;
    while (text[units] != 0) {
        units++;
    }
    narrow = end = (char *)malloc(3 * units + 1);
    while (*text != 0) {
        uint32_t code = *text++;
        int more;
        if ((code & 0xFC00) == 0xD800 && (*text & 0xFC00) == 0xDC00) {
            code = 0x10000 + ((code & 0x3FF) << 10) + (*text++ & 0x3FF);
        } else if ((code & 0xF800) == 0xD800) {
            code = 0xFFFD;
        }
        more = (code >= 0x80) + (code >= 0x800) + (code >= 0x10000);
        *end++ = (char)(more == 0 ? code : (0xFF00u >> (more + 1) & 0xFF) | code >> 6 * more);
        while (more-- > 0) {
            *end++ = (char)(0x80 | (code >> 6 * more & 0x3F));
        }
    }
    *end = 0;
    return narrow;
}

/* Prints UTF-8. Conversions are Windows's: %s and %c are wide, %S, %C, %hs and %hc are not, and `l` is
 * 32 bits. A width or a precision of a text counts bytes. */
static inline int dism_emu_fwprintf(FILE *file, const wchar_t *format, ...) {
    char *narrow = dism_emu_narrow(format);
    char *one = (char *)malloc(12 * strlen(narrow) + 3);
    const char *at = narrow;
    int count = 0;
    va_list arguments;
    va_start(arguments, format);
    for (;;) {
        char kind, *end = one;
        size_t length = strcspn(at, "%");
        int is_wide, is_64;
        count += fprintf(file, "%.*s", (int)length, at);
        at += length;
        if (*at == 0) {
            break;
        }
        /* "%", flags, width and precision; then the length, which this system writes otherwise. */
        do {
            if (*at == '*') {
                end += sprintf(end, "%d", va_arg(arguments, int));
            } else {
                *end++ = *at;
            }
            at++;
        } while (*at != 0 && strchr("-+ #.*0123456789", *at) != NULL);
        length = strspn(at, "hlwjztI3264");
        kind = at[length];
        is_wide = *at == 'l' || *at == 'w' || *at == 's' || *at == 'c';
        is_64 = length > 0 && (strncmp(at, "I64", 3) == 0 || strncmp(at, "ll", 2) == 0 ||
                               strchr("jzt", *at) != NULL || (length == 1 && *at == 'I'));
        if (kind == 0) {
            break;
        }
        at += length + 1;

        if (kind == '%') {
            count += fprintf(file, "%%");
        } else if (strchr("sScC", kind) != NULL) {
            wchar_t unit[2] = {0, 0};
            const wchar_t *wide = unit;
            const char *text = NULL;
            char *narrowed = NULL;
            if (kind == 'c' || kind == 'C') {
                unit[0] = (wchar_t)va_arg(arguments, int);
            } else if (is_wide) {
                wide = va_arg(arguments, const wchar_t *);
            } else {
                wide = NULL;
                text = va_arg(arguments, const char *);
            }
            if (wide != NULL) {
                text = narrowed = dism_emu_narrow(wide);
            }
            strcpy(end, "s");
            count += fprintf(file, one, text != NULL ? text : "(null)");
            free(narrowed);
        } else if (strchr("aAeEfFgG", kind) != NULL) {
            sprintf(end, "%c", kind);
            count += fprintf(file, one, va_arg(arguments, double));
        } else if (kind == 'p') {
            count += fprintf(file, "%p", va_arg(arguments, void *));
        } else if (is_64) {
            sprintf(end, "ll%c", kind);
            count += fprintf(file, one, va_arg(arguments, long long));
        } else {
            sprintf(end, "%c", kind);
            count += fprintf(file, one, va_arg(arguments, int));
        }
    }
    va_end(arguments);
    free(one);
    free(narrow);
    return count;
}

#define fwprintf dism_emu_fwprintf
#define wprintf(...) dism_emu_fwprintf(stdout, __VA_ARGS__)

/* Returns the UTF-8 text as units of 16 bits, in memory that the caller frees. */
static inline wchar_t *dism_emu_widen(const char *text) {
    wchar_t *wide = (wchar_t *)malloc((strlen(text) + 1) * sizeof *wide), *end = wide;
    while (*text != 0) {
        unsigned char first = (unsigned char)*text++;
        int more = (first >= 0xC0) + (first >= 0xE0) + (first >= 0xF0);
        uint32_t code = more == 0 ? first : first & (0x3Fu >> more);
        for (; more > 0 && ((unsigned char)*text & 0xC0) == 0x80; more--) {
            code = code << 6 | ((unsigned char)*text++ & 0x3F);
        }
        if (code >= 0x10000) {
            *end++ = (wchar_t)(0xD7C0 + (code >> 10));
            code = 0xDC00 | (code & 0x3FF);
        }
        *end++ = (wchar_t)code;
    }
    *end = 0;
    return wide;
}

static inline int dism_emu_run(void (*wide_main)(void), int count, char **arguments) {
    wchar_t **wide = (wchar_t **)calloc((size_t)count + 1, sizeof *wide);
    int at;
    for (at = 0; at < count; at++) {
        wide[at] = dism_emu_widen(arguments[at]);
    }
    /* With C's calling convention, a function may declare fewer arguments than it is passed. */
    at = ((int (*)(int, wchar_t **))wide_main)(count, wide);
    while (count-- > 0) {
        free(wide[count]);
    }
    free(wide);
    return at;
}

/* A definition of wmain becomes one of a main that calls it. */
#define wmain(...)                                                                               \
    dism_emu_wmain(__VA_ARGS__);                                                                  \
    int main(int argc, char **argv) {                                                            \
        return dism_emu_run((void (*)(void))dism_emu_wmain, argc, argv);                          \
    }                                                                                             \
    int dism_emu_wmain(__VA_ARGS__)

#endif
