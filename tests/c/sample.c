/* A program in the words of Microsoft's samples, which are Windows's: it compiles unmodified elsewhere, too.
 * Also valid C++. sample.txt has the expected output. */
#include "windows.h"
#include <stdio.h>
#include "DismApi.h"

static void CALLBACK on_progress(__in UINT current, __in UINT total, __in_opt PVOID user_data)
{
    UNREFERENCED_PARAMETER(user_data);

    wprintf(L".");
    if (current == total)
    {
        wprintf(L"\n");
    }
}

static void print_last_error(_In_ PCWSTR function, HRESULT code)
{
    DismString *message = NULL;

    wprintf(L"%s failed: %x\n", function, code);
    if (SUCCEEDED(DismGetLastErrorMessage(&message)) && message != NULL)
    {
        wprintf(L"%s", message->Value);
    }
    DismDelete(message);
}

int _cdecl wmain(int argc, __in_opt wchar_t *argv[])
{
    HRESULT hr = S_OK;
    DismSession session = DISM_SESSION_DEFAULT;
    DismFeatureInfo *feature = NULL;
    DismPackage *packages = NULL;
    DWORD size = 1234;
    UINT count = 0;
    UINT i = 0;

    for (i = 1; i < (UINT)argc; ++i)
    {
        wprintf(L"argument %u of %d: %ls\n", i, argc - 1, argv[i]);
    }
    hr = DismInitialize(DismLogErrorsWarningsInfo, L"C:\\sample.log", NULL);
    if (FAILED(hr))
    {
        print_last_error(L"DismInitialize", hr);
        goto Cleanup;
    }
    hr = DismMountImage(L"C:\\install.wim", L"C:\\mount", 1, NULL, DismImageIndex,
                        DISM_MOUNT_READWRITE, NULL, on_progress, NULL);
    if (FAILED(hr))
    {
        print_last_error(L"DismMountImage", hr);
        goto Cleanup;
    }
    hr = DismOpenSession(L"C:\\mount", NULL, NULL, &session);
    if (FAILED(hr))
    {
        print_last_error(L"DismOpenSession", hr);
        goto Cleanup;
    }
    hr = DismGetPackages(session, &packages, &count);
    wprintf(L"%u packages\n", count);
    for (i = 0; i < count; ++i)
    {
        wprintf(L"%s, installed in %u\n", packages[i].PackageName, packages[i].InstallTime.wYear);
    }
    hr = DismGetFeatureInfo(session, L"NoSuchFeature", NULL, DismPackageNone, &feature);
    if (FAILED(hr))
    {
        print_last_error(L"DismGetFeatureInfo", hr);
    }

Cleanup:
    DismDelete(feature);
    DismDelete(packages);
    DismCloseSession(session);
    DismUnmountImage(L"C:\\mount", DISM_DISCARD_IMAGE, NULL, NULL, NULL);
    DismShutdown();

    /* Conversions whose meaning is another one in the C library of other systems. */
    wprintf(L"%s %S %hs %c%C 0x%08X %5lu|%-5d|%*d|%I64u %.2f 100%%\n", L"wide", "narrow", "narrow",
            L'w', 'n', hr, size, 42, 3, 7, (UINT64)1 << 40, 1.5);
    return 0;
}
