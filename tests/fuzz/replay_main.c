/* Runs a fuzz target over every file of the folders and files given: a regression test of the
 * committed corpus. Each input is given in a block of exactly its size. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define PATH_SIZE  4096
#define INPUT_MAX  (4L * 1024 * 1024)
#define DEPTH_MAX  4
#define NOT_A_FILE (-1)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns 1, or NOT_A_FILE if it cannot be read whole. */
static int replay_file(const char *path)
{
    int done = NOT_A_FILE;
    uint8_t *input = NULL;
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        goto end;
    }
    long size = ftell(file);
    if (size < 0 || size > INPUT_MAX) {
        goto end;
    }
    rewind(file);
    input = malloc(size > 0 ? (size_t)size : 1);
    if (input == NULL || fread(input, 1, (size_t)size, file) != (size_t)size) {
        goto end;
    }
    (void)LLVMFuzzerTestOneInput(input, (size_t)size);
    done = 1;
end:
    if (done == NOT_A_FILE) {
        (void)fprintf(stderr, "%s: cannot be read\n", path);
    }
    free(input);
    if (file != NULL) {
        (void)fclose(file);
    }
    return done;
}

/* Number of inputs run below @p path, or NOT_A_FILE. */
static int replay(const char *path, int depth)
{
    struct stat info;
    if (depth > DEPTH_MAX || stat(path, &info) != 0) {
        (void)fprintf(stderr, "%s: cannot be read\n", path);
        return NOT_A_FILE;
    }
    if (!S_ISDIR(info.st_mode)) {
        return replay_file(path);
    }
    DIR *folder = opendir(path);
    if (folder == NULL) {
        (void)fprintf(stderr, "%s: cannot be read\n", path);
        return NOT_A_FILE;
    }
    int total = 0;
    for (struct dirent *entry; total != NOT_A_FILE && (entry = readdir(folder)) != NULL;) {
        char inner[PATH_SIZE];
        if (entry->d_name[0] == '.') {
            continue;
        }
        int size = snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        int n = size < PATH_SIZE ? replay(inner, depth + 1) : NOT_A_FILE;
        total = n == NOT_A_FILE ? NOT_A_FILE : total + n;
    }
    (void)closedir(folder);
    return total;
}

int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        int n = replay(argv[i], 0);
        if (n == NOT_A_FILE) {
            return 1;
        }
        total += n;
    }
    (void)printf("%d inputs\n", total);
    return total > 0 ? 0 : 1;
}
