/* A DISM program in C: one whole life, and the mistakes that a program can make on the way. Also valid
 * C++. It knows nothing of the emulator, except that the image is empty.
 *
 *     client             under the documented contract
 *     client recorded    under the recorded one: DISM_EMU_CONTRACT=recorded
 *     client careless    reads memory after its delete, for the tools that have to notice it
 *
 * Prints each answer that was not as expected, and returns 1 if there was one. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <windows.h>

#include <dismapi.h>

#define NOT_INITIALIZED ((HRESULT)DISMAPI_E_DISMAPI_NOT_INITIALIZED)
#define INVALID_SESSION ((HRESULT)DISMAPI_E_INVALID_DISM_SESSION)
#define ALREADY_INITIALIZED ((HRESULT)0x800704DF)
#define POSSIBLE_DEADLOCK ((HRESULT)0x8007046B)
#define UNKNOWN_FEATURE ((HRESULT)DISMAPI_E_UNKNOWN_FEATURE)
#define MOUNTED_READ_ONLY ((HRESULT)0xC142010C)
#define ALREADY_MOUNTED ((HRESULT)0xC1420113)
#define FILE_IN_USE ((HRESULT)0xC1420127)

static unsigned checks;
static unsigned failures;

static void check(int line, const char *what, int holds) {
    checks++;
    if (!holds) {
        failures++;
        fprintf(stderr, "line %d: %s\n", line, what);
    }
}

static void answer(int line, const char *call, HRESULT expected, HRESULT got) {
    checks++;
    if (got != expected) {
        failures++;
        fprintf(stderr, "line %d: %s: 0x%08X, not 0x%08X\n", line, call, (unsigned)got,
                (unsigned)expected);
    }
}

#define IS(condition) check(__LINE__, #condition, (condition))
#define ANSWERS(expected, call) answer(__LINE__, #call, (HRESULT)(expected), (call))

/* The C library's wide functions expect wide characters of another size. */
static size_t length(PCWSTR text) {
    size_t units = 0;
    while (text[units] != 0) {
        units++;
    }
    return units;
}

static int same(PCWSTR one, PCWSTR other) {
    size_t units = length(one);
    return units == length(other) && memcmp(one, other, units * sizeof *one) == 0;
}

/* E2: what the failed call left behind, as UTF-16. */
static void last_message_is(int line, PCWSTR expected) {
    DismString *message = NULL;
    answer(line, "DismGetLastErrorMessage", S_OK, DismGetLastErrorMessage(&message));
    check(line, "there is a message", message != NULL);
    if (message != NULL) {
        PCWSTR text = message->Value;
        check(line, "the message is as expected", same(text, expected));
        answer(line, "DismDelete of the message", S_OK, DismDelete(message));
        /* D3 */
        answer(line, "a second DismDelete", E_INVALIDARG, DismDelete(message));
    }
}

#define LAST_MESSAGE_IS(text) last_message_is(__LINE__, (text))

/* A pointer that a function must not change points here. It is never followed. */
static char sentinel;
#define UNTOUCHED(type) ((type *)(void *)&sentinel)

struct progress {
    DismSession session;
    pthread_t caller;
    unsigned calls;
    UINT last;
    UINT total;
    unsigned backwards;
    unsigned elsewhere;
    HRESULT nested;
    HRESULT close;
};

static void CALLBACK on_progress(UINT current, UINT total, PVOID user_data) {
    struct progress *progress = (struct progress *)user_data;
    progress->backwards += current < progress->last;
    progress->elsewhere += !pthread_equal(pthread_self(), progress->caller);
    progress->last = current;
    progress->total = total;
    progress->calls++;
    if (progress->session != DISM_SESSION_DEFAULT) {
        UINT count = 0;
        DismPackage *packages = NULL;
        progress->nested = DismGetPackages(progress->session, &packages, &count);
        progress->close = DismCloseSession(progress->session);
    }
}

static struct progress watch(DismSession session) {
    struct progress progress;
    memset(&progress, 0, sizeof progress);
    progress.session = session;
    progress.caller = pthread_self();
    return progress;
}

static int went_through(const struct progress *progress) {
    return progress->calls > 1 && progress->last == 100 && progress->total == 100 &&
           progress->backwards == 0 && progress->elsewhere == 0;
}

/* S4: every function fails so before the first initialize and after the last shutdown, whatever it is
 * called with. */
static void nothing_works(void) {
    DismSession session = 77;
    DismImageHealthState health = DismImageRepairable;
    UINT count = 77;
    PCWSTR name = L"name";
    const DismSession any = 2;
    DismImageInfo *images = UNTOUCHED(DismImageInfo);
    DismMountedImageInfo *mounted = UNTOUCHED(DismMountedImageInfo);
    DismPackage *packages = UNTOUCHED(DismPackage);
    DismPackageInfo *package = UNTOUCHED(DismPackageInfo);
    DismPackageInfoEx *package_ex = UNTOUCHED(DismPackageInfoEx);
    DismFeature *features = UNTOUCHED(DismFeature);
    DismFeatureInfo *feature = UNTOUCHED(DismFeatureInfo);
    DismDriverPackage *driver_packages = UNTOUCHED(DismDriverPackage);
    DismDriver *drivers = UNTOUCHED(DismDriver);
    DismCapability *capabilities = UNTOUCHED(DismCapability);
    DismCapabilityInfo *capability = UNTOUCHED(DismCapabilityInfo);

    ANSWERS(NOT_INITIALIZED, DismShutdown());
    ANSWERS(NOT_INITIALIZED,
            DismMountImage(name, name, 1, NULL, DismImageIndex, 0, NULL, NULL, NULL));
    ANSWERS(NOT_INITIALIZED, DismUnmountImage(name, DISM_DISCARD_IMAGE, NULL, NULL, NULL));
    ANSWERS(NOT_INITIALIZED, DismOpenSession(name, NULL, NULL, &session));
    ANSWERS(NOT_INITIALIZED, DismOpenSession(NULL, NULL, NULL, NULL));
    ANSWERS(NOT_INITIALIZED, DismCloseSession(any));
    ANSWERS(NOT_INITIALIZED, DismRemountImage(name));
    ANSWERS(NOT_INITIALIZED, DismCommitImage(any, 0, NULL, NULL, NULL));
    ANSWERS(NOT_INITIALIZED, DismGetImageInfo(name, &images, &count));
    ANSWERS(NOT_INITIALIZED, DismGetMountedImageInfo(&mounted, &count));
    ANSWERS(NOT_INITIALIZED, DismCleanupMountpoints());
    ANSWERS(NOT_INITIALIZED, DismCheckImageHealth(any, TRUE, NULL, NULL, NULL, &health));
    ANSWERS(NOT_INITIALIZED, DismRestoreImageHealth(any, NULL, 0, FALSE, NULL, NULL, NULL));
    ANSWERS(NOT_INITIALIZED, DismAddPackage(any, name, FALSE, FALSE, NULL, NULL, NULL));
    ANSWERS(NOT_INITIALIZED, DismRemovePackage(any, name, DismPackageName, NULL, NULL, NULL));
    ANSWERS(NOT_INITIALIZED, DismEnableFeature(any, name, NULL, DismPackageNone, FALSE, NULL, 0,
                                               FALSE, NULL, NULL, NULL));
    ANSWERS(NOT_INITIALIZED, DismDisableFeature(any, name, NULL, FALSE, NULL, NULL, NULL));
    ANSWERS(NOT_INITIALIZED, DismGetPackages(any, &packages, &count));
    ANSWERS(NOT_INITIALIZED, DismGetPackageInfo(any, name, DismPackageName, &package));
    ANSWERS(NOT_INITIALIZED, DismGetPackageInfoEx(any, name, DismPackageName, &package_ex));
    ANSWERS(NOT_INITIALIZED, DismGetFeatures(any, NULL, DismPackageNone, &features, &count));
    ANSWERS(NOT_INITIALIZED, DismGetFeatureInfo(any, name, NULL, DismPackageNone, &feature));
    ANSWERS(NOT_INITIALIZED,
            DismGetFeatureParent(any, name, NULL, DismPackageNone, &features, &count));
    ANSWERS(NOT_INITIALIZED, DismApplyUnattend(any, name, FALSE));
    ANSWERS(NOT_INITIALIZED, DismAddDriver(any, name, FALSE));
    ANSWERS(NOT_INITIALIZED, DismRemoveDriver(any, name));
    ANSWERS(NOT_INITIALIZED, DismGetDrivers(any, TRUE, &driver_packages, &count));
    ANSWERS(NOT_INITIALIZED, DismGetDriverInfo(any, name, &drivers, &count, &driver_packages));
    ANSWERS(NOT_INITIALIZED, DismGetCapabilities(any, &capabilities, &count));
    ANSWERS(NOT_INITIALIZED, DismGetCapabilityInfo(any, name, &capability));
    ANSWERS(NOT_INITIALIZED, DismAddCapability(any, name, FALSE, NULL, 0, NULL, NULL, NULL));
    ANSWERS(NOT_INITIALIZED, DismRemoveCapability(any, name, NULL, NULL, NULL));

    IS(session == 77 && count == 77 && health == DismImageRepairable);
    IS(images == UNTOUCHED(DismImageInfo) && mounted == UNTOUCHED(DismMountedImageInfo));
    IS(packages == UNTOUCHED(DismPackage) && package == UNTOUCHED(DismPackageInfo));
    IS(package_ex == UNTOUCHED(DismPackageInfoEx) && features == UNTOUCHED(DismFeature));
    IS(feature == UNTOUCHED(DismFeatureInfo) && drivers == UNTOUCHED(DismDriver));
    IS(driver_packages == UNTOUCHED(DismDriverPackage));
    IS(capabilities == UNTOUCHED(DismCapability));
    IS(capability == UNTOUCHED(DismCapabilityInfo));
}

/* E5, D4: a program that reads why its first call failed needs these two before the first
 * initialize. */
static void before_the_first_initialize(void) {
    DismString *message = UNTOUCHED(DismString);
    ANSWERS(S_OK, DismGetLastErrorMessage(&message));
    IS(message == NULL);
    nothing_works();
    LAST_MESSAGE_IS(L"DISM API was not initialized for this process.\r\n");
    ANSWERS(S_OK, DismDelete(NULL));
}

/* Every function that returns a list: the list is empty, and no memory is handed out. */
static void the_image_is_empty(DismSession session) {
    UINT count = 77;
    DismPackage *packages = UNTOUCHED(DismPackage);
    DismFeature *features = UNTOUCHED(DismFeature);
    DismDriverPackage *drivers = UNTOUCHED(DismDriverPackage);
    DismCapability *capabilities = UNTOUCHED(DismCapability);
    DismImageInfo *images = UNTOUCHED(DismImageInfo);

    ANSWERS(S_OK, DismGetPackages(session, &packages, &count));
    IS(packages == NULL && count == 0);
    ANSWERS(S_OK, DismDelete(packages));
    count = 77;
    ANSWERS(S_OK, DismGetFeatures(session, NULL, DismPackageNone, &features, &count));
    IS(features == NULL && count == 0);
    count = 77;
    ANSWERS(S_OK, DismGetDrivers(session, TRUE, &drivers, &count));
    IS(drivers == NULL && count == 0);
    count = 77;
    ANSWERS(S_OK, DismGetCapabilities(session, &capabilities, &count));
    IS(capabilities == NULL && count == 0);
    count = 77;
    ANSWERS(S_OK, DismGetImageInfo(L"C:\\install.wim", &images, &count));
    IS(images == NULL && count == 0);
}

/* A thing that is not there is not found, and the pointer for it stays as it was. */
static void look_ups_fail(DismSession session) {
    UINT count = 77;
    DismFeatureInfo *feature = UNTOUCHED(DismFeatureInfo);
    DismPackageInfo *package = UNTOUCHED(DismPackageInfo);
    DismPackageInfoEx *package_ex = UNTOUCHED(DismPackageInfoEx);
    DismCapabilityInfo *capability = UNTOUCHED(DismCapabilityInfo);
    DismFeature *parents = UNTOUCHED(DismFeature);
    DismDriver *drivers = UNTOUCHED(DismDriver);

    ANSWERS(UNKNOWN_FEATURE,
            DismGetFeatureInfo(session, L"NetFx3", NULL, DismPackageNone, &feature));
    IS(feature == UNTOUCHED(DismFeatureInfo));
    ANSWERS(UNKNOWN_FEATURE,
            DismGetFeatureParent(session, L"NetFx3", NULL, DismPackageNone, &parents, &count));
    IS(parents == UNTOUCHED(DismFeature) && count == 77);
    IS(FAILED(DismGetPackageInfo(session, L"p", DismPackageName, &package)));
    IS(package == UNTOUCHED(DismPackageInfo));
    IS(FAILED(DismGetPackageInfoEx(session, L"p", DismPackageName, &package_ex)));
    IS(package_ex == UNTOUCHED(DismPackageInfoEx));
    IS(FAILED(DismGetCapabilityInfo(session, L"c", &capability)));
    IS(capability == UNTOUCHED(DismCapabilityInfo));
    IS(FAILED(DismGetDriverInfo(session, L"oem1.inf", &drivers, &count, NULL)));
    IS(drivers == UNTOUCHED(DismDriver) && count == 77);
}

static void changes_succeed(DismSession session) {
    PCWSTR sources[] = {L"D:\\sources", L"E:\\"};
    struct progress progress = watch(session);
    DismImageHealthState health = DismImageNonRepairable;

    ANSWERS(S_OK, DismAddPackage(session, L"p.cab", FALSE, FALSE, NULL, on_progress, &progress));
    IS(went_through(&progress));
    /* P3, C7: the genuine calls would wait for ever. */
    IS(progress.nested == POSSIBLE_DEADLOCK && progress.close == POSSIBLE_DEADLOCK);

    progress = watch(DISM_SESSION_DEFAULT);
    ANSWERS(S_OK, DismEnableFeature(session, L"NetFx3", NULL, DismPackageNone, TRUE, sources, 2,
                                    TRUE, NULL, on_progress, &progress));
    IS(went_through(&progress));
    ANSWERS(S_OK, DismCheckImageHealth(session, TRUE, NULL, NULL, NULL, &health));
    IS(health == DismImageHealthy);
    ANSWERS(S_OK, DismRestoreImageHealth(session, sources, 2, TRUE, NULL, NULL, NULL));
    ANSWERS(S_OK, DismRemovePackage(session, L"p", DismPackageName, NULL, NULL, NULL));
    ANSWERS(S_OK, DismDisableFeature(session, L"NetFx3", NULL, TRUE, NULL, NULL, NULL));
    ANSWERS(S_OK, DismAddCapability(session, L"c", FALSE, sources, 1, NULL, NULL, NULL));
    ANSWERS(S_OK, DismRemoveCapability(session, L"c", NULL, NULL, NULL));
    ANSWERS(S_OK, DismAddDriver(session, L"C:\\a.inf", TRUE));
    ANSWERS(S_OK, DismRemoveDriver(session, L"oem1.inf"));
    ANSWERS(S_OK, DismApplyUnattend(session, L"C:\\unattend.xml", TRUE));
}

static void missing_arguments_are_refused(DismSession session) {
    DismSession none = 77;
    UINT count = 77;
    DismPackage *packages = UNTOUCHED(DismPackage);

    ANSWERS(E_INVALIDARG, DismOpenSession(NULL, NULL, NULL, &none));
    ANSWERS(E_INVALIDARG, DismOpenSession(L"", NULL, NULL, &none));
    ANSWERS(E_INVALIDARG, DismOpenSession(L"C:\\mount", NULL, NULL, NULL));
    /* O4 */
    ANSWERS(E_INVALIDARG, DismOpenSession(DISM_ONLINE_IMAGE, L"Windows", NULL, &none));
    ANSWERS(E_INVALIDARG, DismOpenSession(DISM_ONLINE_IMAGE, NULL, L"C:", &none));
    IS(none == 77);
    ANSWERS(E_INVALIDARG, DismGetPackages(session, NULL, &count));
    ANSWERS(E_INVALIDARG, DismGetPackages(session, &packages, NULL));
    IS(packages == UNTOUCHED(DismPackage) && count == 77);
    ANSWERS(E_INVALIDARG, DismAddPackage(session, NULL, FALSE, FALSE, NULL, NULL, NULL));
    ANSWERS(E_INVALIDARG, DismRestoreImageHealth(session, NULL, 1, FALSE, NULL, NULL, NULL));
    ANSWERS(E_INVALIDARG, DismUnmountImage(NULL, 0, NULL, NULL, NULL));
    ANSWERS(E_INVALIDARG, DismGetLastErrorMessage(NULL));
}

/* D3: neither memory on the stack, nor the middle of a block, nor an address without memory. */
static void memory_of_others_is_refused(void) {
    char ours = 0;
    DismString *message = NULL;
    ANSWERS(INVALID_SESSION, DismCloseSession(1));
    ANSWERS(S_OK, DismGetLastErrorMessage(&message));
    if (message == NULL) {
        IS(message != NULL);
        return;
    }
    ANSWERS(E_INVALIDARG, DismDelete(&ours));
    ANSWERS(E_INVALIDARG, DismDelete((char *)message + 1));
    ANSWERS(E_INVALIDARG, DismDelete((void *)(uintptr_t)message->Value));
    ANSWERS(E_INVALIDARG, DismDelete((void *)(uintptr_t)-1));
    IS(length(message->Value) > 2);
    ANSWERS(S_OK, DismDelete(message));
}

static void *on_another_thread(void *unused) {
    DismString *message = UNTOUCHED(DismString);
    ANSWERS(S_OK, DismGetLastErrorMessage(&message));
    IS(message == NULL);
    ANSWERS(E_INVALIDARG, DismOpenSession(NULL, NULL, NULL, NULL));
    return unused;
}

/* E1 */
static void errors_belong_to_threads(void) {
    pthread_t other;
    ANSWERS(INVALID_SESSION, DismCloseSession(1));
    IS(pthread_create(&other, NULL, on_another_thread, NULL) == 0);
    IS(pthread_join(other, NULL) == 0);
    LAST_MESSAGE_IS(L"An invalid DismSession handle was passed into a DISMAPI function.\r\n");
}

/* N1 to N7, P1. No file system would take these paths: one has half a surrogate pair, the other is
 * very long. */
static void mounting(void) {
    static const wchar_t odd[] = {L'C', L':', L'\\', 0xD800, L'm', 0};
    static wchar_t endless[40001];
    DismSession session = 0;
    UINT count = 77;
    DismMountedImageInfo *mounted = UNTOUCHED(DismMountedImageInfo);
    struct progress progress = watch(DISM_SESSION_DEFAULT);
    size_t at;

    for (at = 0; at + 1 < sizeof endless / sizeof *endless; at++) {
        endless[at] = L'x';
    }
    ANSWERS(S_OK, DismGetMountedImageInfo(&mounted, &count));
    IS(mounted == NULL && count == 0);
    ANSWERS(DISMAPI_E_UNABLE_TO_UNMOUNT_IMAGE_PATH, DismUnmountImage(odd, 0, NULL, NULL, NULL));

    ANSWERS(S_OK, DismMountImage(L"C:\\install.wim", odd, 3, NULL, DismImageIndex,
                                 DISM_MOUNT_READONLY, NULL, on_progress, &progress));
    IS(went_through(&progress));
    ANSWERS(S_OK, DismMountImage(endless, endless, 1, NULL, DismImageIndex, DISM_MOUNT_READWRITE,
                                 NULL, NULL, NULL));
    ANSWERS(S_OK, DismGetMountedImageInfo(&mounted, &count));
    IS(count == 2);
    if (count == 2) {
        IS(same(mounted[0].MountPath, odd));
        IS(same(mounted[0].ImageFilePath, L"C:\\install.wim"));
        IS(mounted[0].ImageIndex == 3);
        IS(mounted[0].MountMode == DismReadOnly);
        IS(mounted[0].MountStatus == DismMountStatusOk);
        IS(same(mounted[1].MountPath, endless) && same(mounted[1].ImageFilePath, endless));
        IS(mounted[1].ImageIndex == 1);
        IS(mounted[1].MountMode == DismReadWrite);
        /* D1: the array is one block, so only its beginning can be given back. */
        ANSWERS(E_INVALIDARG, DismDelete(&mounted[1]));
        ANSWERS(S_OK, DismDelete(mounted));
        ANSWERS(E_INVALIDARG, DismDelete(mounted));
    }

    ANSWERS(ALREADY_MOUNTED,
            DismMountImage(odd, odd, 1, NULL, DismImageIndex, 0, NULL, NULL, NULL));
    ANSWERS(FILE_IN_USE,
            DismMountImage(endless, L"C:\\b", 2, NULL, DismImageIndex, 0, NULL, NULL, NULL));
    ANSWERS(E_INVALIDARG, DismUnmountImage(endless, DISM_COMMIT_MASK, NULL, NULL, NULL));
    ANSWERS(MOUNTED_READ_ONLY, DismUnmountImage(odd, DISM_COMMIT_IMAGE, NULL, NULL, NULL));

    ANSWERS(S_OK, DismOpenSession(endless, NULL, NULL, &session));
    ANSWERS(DISMAPI_E_OPEN_HANDLES_UNABLE_TO_UNMOUNT_IMAGE_PATH,
            DismUnmountImage(endless, DISM_COMMIT_IMAGE, NULL, NULL, NULL));
    LAST_MESSAGE_IS(L"A DismSession with open handles was attempted to be unmounted.\r\n");
    ANSWERS(DISMAPI_E_OPEN_HANDLES_UNABLE_TO_MOUNT_IMAGE_PATH,
            DismMountImage(odd, endless, 1, NULL, DismImageIndex, 0, NULL, NULL, NULL));
    ANSWERS(DISMAPI_E_OPEN_HANDLES_UNABLE_TO_REMOUNT_IMAGE_PATH, DismRemountImage(endless));
    progress = watch(session);
    ANSWERS(S_OK, DismCommitImage(session, DISM_COMMIT_APPEND, NULL, on_progress, &progress));
    IS(went_through(&progress));
    ANSWERS(S_OK, DismCloseSession(session));
    ANSWERS(E_INVALIDARG, DismCommitImage(session, 0, NULL, NULL, NULL));
    ANSWERS(S_OK, DismRemountImage(endless));

    progress = watch(DISM_SESSION_DEFAULT);
    ANSWERS(S_OK, DismUnmountImage(endless, DISM_COMMIT_IMAGE, NULL, on_progress, &progress));
    IS(went_through(&progress));
    /* What the list has can be passed on as it is. */
    ANSWERS(S_OK, DismGetMountedImageInfo(&mounted, &count));
    IS(count == 1);
    if (count == 1) {
        ANSWERS(S_OK, DismUnmountImage(mounted[0].MountPath, DISM_DISCARD_IMAGE, NULL, NULL, NULL));
        ANSWERS(S_OK, DismDelete(mounted));
    }
    ANSWERS(DISMAPI_E_UNABLE_TO_UNMOUNT_IMAGE_PATH, DismUnmountImage(odd, 0, NULL, NULL, NULL));
    ANSWERS(S_OK, DismCleanupMountpoints());
}

static void one_life(int recorded) {
    DismSession session = 0, again = 0, other = 0;
    DismString *kept = NULL;

    ANSWERS(S_OK, DismInitialize(DismLogErrorsWarningsInfo, L"C:\\dism.log", NULL));
    ANSWERS(recorded ? S_FALSE : ALREADY_INITIALIZED, DismInitialize(DismLogErrors, NULL, NULL));

    ANSWERS(S_OK, DismOpenSession(DISM_ONLINE_IMAGE, NULL, NULL, &session));
    /* O2, O3 */
    ANSWERS(S_OK, DismOpenSession(L"C:\\Mount\\", L"Windows", L"C:", &other));
    ANSWERS(S_OK, DismOpenSession(L"c:/mount", NULL, NULL, &again));
    IS(session == 2 && other == 3 && again == 3);

    the_image_is_empty(session);
    look_ups_fail(session);
    changes_succeed(session);
    missing_arguments_are_refused(session);
    memory_of_others_is_refused();
    errors_belong_to_threads();

    /* S2, S3 */
    if (recorded) {
        ANSWERS(S_OK, DismShutdown());
    }
    ANSWERS(DISMAPI_E_OPEN_SESSION_HANDLES, DismShutdown());
    ANSWERS(S_OK, DismCloseSession(other));
    ANSWERS(S_OK, DismCloseSession(other));
    ANSWERS(INVALID_SESSION, DismCloseSession(other));
    LAST_MESSAGE_IS(L"An invalid DismSession handle was passed into a DISMAPI function.\r\n");
    ANSWERS(S_OK, DismCloseSession(session));
    ANSWERS(INVALID_SESSION, DismAddDriver(session, L"C:\\a.inf", FALSE));
    ANSWERS(INVALID_SESSION, DismAddDriver(DISM_SESSION_DEFAULT, L"C:\\a.inf", FALSE));

    mounting();

    ANSWERS(INVALID_SESSION, DismCloseSession(other));
    ANSWERS(S_OK, DismGetLastErrorMessage(&kept));
    ANSWERS(S_OK, DismShutdown());

    nothing_works();
    /* E5, D4 */
    {
        DismString *message = UNTOUCHED(DismString);
        ANSWERS(NOT_INITIALIZED, DismGetLastErrorMessage(&message));
        IS(message == UNTOUCHED(DismString));
        ANSWERS(NOT_INITIALIZED, DismDelete(NULL));
        ANSWERS(NOT_INITIALIZED, DismDelete(kept));
        IS(kept != NULL && length(kept->Value) > 2);
    }
}

/* The behaviour is undefined, as it is with the genuine functions. */
static int careless(void) {
    DismString *message = NULL;
    if (DismCloseSession(2) != NOT_INITIALIZED || DismGetLastErrorMessage(&message) != S_OK ||
        message == NULL || DismDelete(message) != S_OK) {
        return 1;
    }
    return message->Value == NULL;
}

int main(int argc, char **argv) {
    int recorded = argc > 1 && strcmp(argv[1], "recorded") == 0;

    if (argc > 1 && strcmp(argv[1], "careless") == 0) {
        return careless();
    }
    before_the_first_initialize();
    one_life(recorded);
    /* I4: everything starts afresh. */
    one_life(recorded);

    printf("%u checks, %u failed\n", checks, failures);
    return failures > 0;
}
