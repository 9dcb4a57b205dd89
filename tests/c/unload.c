/* Loads the shared library, initializes, unloads it without a shutdown and loads it again. Prints whether
 * the second load finds the process that the first one left.
 *
 *     unload <library>
 *     unload <library> system    on Windows, looks for the library in the system's folder only */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef _WIN32
#include <windows.h>
typedef HMODULE library;
static library load(const char *name) { return LoadLibraryA(name); }
static library load_from_system(const char *name) {
    return LoadLibraryExA(name, NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);
}
static void *find(library from, const char *name) { return (void *)GetProcAddress(from, name); }
static void unload(library it) { FreeLibrary(it); }
#else
#include <dlfcn.h>
#define WINAPI
typedef void *library;
static library load(const char *name) { return dlopen(name, RTLD_NOW | RTLD_LOCAL); }
static library load_from_system(const char *name) { return load(name); }
static void *find(library from, const char *name) { return dlsym(from, name); }
static void unload(library it) { dlclose(it); }
#endif

typedef int32_t(WINAPI *initialize)(int32_t level, const void *log, const void *scratch);

static uint32_t initialized(library in) {
    return (uint32_t)((initialize)(intptr_t)find(in, "DismInitialize"))(0, NULL, NULL);
}

int main(int argc, char **argv) {
    library it = argc > 2 ? load_from_system(argv[1]) : argc > 1 ? load(argv[1]) : NULL;
    if (it == NULL) {
        printf("not found\n");
        return 1;
    }
    if (initialized(it) != 0) {
        return 2;
    }
    unload(it);
    it = load(argv[1]);
    printf("%s\n", it != NULL && initialized(it) == 0 ? "a new process" : "the same process");
    return 0;
}
