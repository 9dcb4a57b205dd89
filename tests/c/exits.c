/* Programs that leave a session open and end in an unusual way.
 *
 *     exits callback       inside a progress callback
 *     exits threads        while two threads call
 *     exits fork           after a forked process has called and ended, with 5
 *     exits library PATH   after another copy of the library was loaded, called and closed
 */
#define _DEFAULT_SOURCE /* fork and usleep, beside ISO C */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <windows.h>

#include <dismapi.h>

typedef HRESULT (*Initialize)(DismLogLevel, PCWSTR, PCWSTR);
typedef HRESULT (*Open)(PCWSTR, PCWSTR, PCWSTR, DismSession *);
typedef HRESULT (*Shutdown)(void);

static void require(int holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "%s\n", what);
        _exit(1);
    }
}

/* Functions that a library has, by name. ISO C knows no cast from its address. */
static void find(void *library, const char *name, void *function) {
    void *address = dlsym(library, name);
    require(address != NULL, name);
    memcpy(function, &address, sizeof address);
}

static DismSession leave_open(Initialize initialize, Open open, Shutdown shutdown) {
    DismSession session = 0;
    require(initialize(DismLogErrors, NULL, NULL) == S_OK, "initialize");
    require(open(L"C:\\mount", NULL, NULL, &session) == S_OK, "open");
    require(FAILED(shutdown()), "shutdown");
    return session;
}

static void CALLBACK on_progress(UINT current, UINT total, PVOID user_data) {
    (void)total;
    (void)user_data;
    if (current > 0) {
        exit(0);
    }
}

static void *call_for_ever(void *session) {
    for (;;) {
        DismPackage *packages = NULL;
        UINT count = 0;
        DismGetPackages(*(DismSession *)session, &packages, &count);
        DismShutdown();
    }
    return NULL;
}

int main(int argc, char **argv) {
    static DismSession session;
    const char *how = argc > 1 ? argv[1] : "";
    if (strcmp(how, "library") == 0 && argc > 2) {
        Initialize initialize;
        Open open;
        Shutdown shutdown;
        void *library = dlopen(argv[2], RTLD_NOW | RTLD_LOCAL);
        require(library != NULL, "dlopen");
        find(library, "DismInitialize", &initialize);
        find(library, "DismOpenSession", &open);
        find(library, "DismShutdown", &shutdown);
        leave_open(initialize, open, shutdown);
        require(dlclose(library) == 0, "dlclose");
        return 0;
    }
    session = leave_open(DismInitialize, DismOpenSession, DismShutdown);
    if (strcmp(how, "callback") == 0) {
        DismRestoreImageHealth(session, NULL, 0, FALSE, NULL, on_progress, NULL);
        require(0, "the callback has not ended the program");
    } else if (strcmp(how, "threads") == 0) {
        pthread_t thread;
        for (int at = 0; at < 2; at++) {
            require(pthread_create(&thread, NULL, call_for_ever, &session) == 0, "thread");
        }
        usleep(2000);
    } else if (strcmp(how, "fork") == 0) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            DismCloseSession(session);
            exit(DismShutdown() == S_OK ? 5 : 1);
        }
        require(waitpid(child, &status, 0) == child, "waitpid");
        require(WIFEXITED(status) && WEXITSTATUS(status) == 5, "the code of the forked process");
        /* At once, with the code that is expected: the report is still that of the shutdown, unless
         * the forked process has written over it. */
        _exit(42);
    }
    return 0;
}
