// Prints what the functions of dismapi.h take: the size of each argument, in order. A template can
// inspect a function's type, which C cannot. header.txt has the expected output.
#include <cstdio>
#include <initializer_list>

#include <windows.h>

#include <dismapi.h>

template <typename... Arguments> static void print(const char *name, HRESULT (*)(Arguments...)) {
    std::printf("function %s", name);
    for (std::size_t size : {std::size_t(0), sizeof(Arguments)...}) {
        if (size > 0) {
            std::printf(" %zu", size);
        }
    }
    std::printf("\n");
}

#define FUNCTION(name) print(#name, name)

int main() {
    FUNCTION(DismInitialize);
    FUNCTION(DismShutdown);
    FUNCTION(DismMountImage);
    FUNCTION(DismUnmountImage);
    FUNCTION(DismOpenSession);
    FUNCTION(DismCloseSession);
    FUNCTION(DismGetLastErrorMessage);
    FUNCTION(DismRemountImage);
    FUNCTION(DismCommitImage);
    FUNCTION(DismGetImageInfo);
    FUNCTION(DismGetMountedImageInfo);
    FUNCTION(DismCleanupMountpoints);
    FUNCTION(DismCheckImageHealth);
    FUNCTION(DismRestoreImageHealth);
    FUNCTION(DismDelete);
    FUNCTION(DismAddPackage);
    FUNCTION(DismRemovePackage);
    FUNCTION(DismEnableFeature);
    FUNCTION(DismDisableFeature);
    FUNCTION(DismGetPackages);
    FUNCTION(DismGetPackageInfo);
    FUNCTION(DismGetPackageInfoEx);
    FUNCTION(DismGetFeatures);
    FUNCTION(DismGetFeatureInfo);
    FUNCTION(DismGetFeatureParent);
    FUNCTION(DismApplyUnattend);
    FUNCTION(DismAddDriver);
    FUNCTION(DismRemoveDriver);
    FUNCTION(DismGetDrivers);
    FUNCTION(DismGetDriverInfo);
    FUNCTION(DismGetCapabilities);
    FUNCTION(DismGetCapabilityInfo);
    FUNCTION(DismAddCapability);
    FUNCTION(DismRemoveCapability);
}
