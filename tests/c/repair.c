/* A small tool with a mistake on its error path. It adds packages to an image and repairs it. If one of
 * these fails, the session stays open, and the shutdown is refused.
 *
 *     repair package... */
#include <stdio.h>
#include <windows.h>

#include <dismapi.h>

#define LONGEST 260

/* A path of ASCII characters as UTF-16. */
static PCWSTR wide(const char *text, wchar_t *buffer) {
    size_t at = 0;
    while (text[at] != 0 && at < LONGEST - 1) {
        buffer[at] = (unsigned char)text[at];
        at++;
    }
    buffer[at] = 0;
    return buffer;
}

static void CALLBACK on_progress(UINT current, UINT total, PVOID user_data) {
    (void)total;
    *(UINT *)user_data = current;
}

static HRESULT repair(DismSession session, char **packages) {
    wchar_t path[LONGEST];
    UINT percent = 0;
    HRESULT code = S_OK;
    for (; *packages != NULL && SUCCEEDED(code); packages++) {
        code = DismAddPackage(session, wide(*packages, path), FALSE, FALSE, NULL, NULL, NULL);
        printf("%s: 0x%08X\n", *packages, (unsigned)code);
    }
    if (SUCCEEDED(code)) {
        code = DismRestoreImageHealth(session, NULL, 0, FALSE, NULL, on_progress, &percent);
        printf("repair: 0x%08X at %u percent\n", (unsigned)code, (unsigned)percent);
    }
    return code;
}

int main(int argc, char **argv) {
    DismSession session = 0;
    (void)argc;
    if (FAILED(DismInitialize(DismLogErrors, NULL, NULL))) {
        return 0;
    }
    if (SUCCEEDED(DismOpenSession(L"C:\\mount", NULL, NULL, &session))) {
        /* The mistake. */
        if (SUCCEEDED(repair(session, argv + 1))) {
            DismCloseSession(session);
        }
    }
    DismShutdown();
    return 0;
}
