// The tool of repair.c as C++ programs have it: the destructor of a global shuts DISM down. It has the
// same mistake.
//
//     repair package...
#include <cstdio>
#include <stdexcept>
#include <string>

#include <windows.h>

#include <dismapi.h>

static void check(HRESULT code, const std::string &what) {
    std::printf("%s: 0x%08X\n", what.c_str(), unsigned(code));
    if (FAILED(code)) {
        throw std::runtime_error(what);
    }
}

namespace {
class Dism {
    bool is_initialized = false;
    DismSession session = 0;

  public:
    void repair(int count, char **packages) {
        check(DismInitialize(DismLogErrors, nullptr, nullptr), "initialize");
        is_initialized = true;
        check(DismOpenSession(L"C:\\mount", nullptr, nullptr, &session), "open");
        for (int at = 0; at < count; at++) {
            std::string name = packages[at];
            // The functions of std::wstring are in the library, with characters of another size.
            std::u16string path(name.begin(), name.end());
            PCWSTR file = reinterpret_cast<PCWSTR>(path.c_str());
            check(DismAddPackage(session, file, FALSE, FALSE, nullptr, nullptr, nullptr), name);
        }
        check(DismRestoreImageHealth(session, nullptr, 0, FALSE, nullptr, nullptr, nullptr), "repair");
        // The mistake: an exception skips this.
        DismCloseSession(session);
    }

    ~Dism() {
        if (is_initialized) {
            DismShutdown();
        }
    }
};

// It is older than every call, so its destructor comes after the handlers that calls register.
Dism dism;
} // namespace

int main(int argc, char **argv) {
    try {
        dism.repair(argc - 1, argv + 1);
    } catch (const std::runtime_error &failed) {
        std::printf("%s failed\n", failed.what());
    }
}
