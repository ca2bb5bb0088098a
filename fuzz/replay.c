/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target once over every file that is named, or lies in a folder that is named: what libFuzzer found once
 * stays found, with any compiler. A folder that is absent is said and passed over; no input at all is a failure. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { INPUT_BYTES_MAX = 4 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* The target sees exactly the bytes: the block ends where they end, so a sanitizer notices a read behind them. */
static int replay_file(const char *path, size_t size)
{
    uint8_t *bytes = malloc(size ? size : 1);
    FILE *file = fopen(path, "rb");
    if (!bytes || !file || size > INPUT_BYTES_MAX || fread(bytes, 1, size, file) != size) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(1);
    }
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    return 1;
}

static int replay(const char *path)
{
    struct stat info;
    char inner[4096 - 512];
    if (stat(path, &info) != 0) {
        fprintf(stderr, "%s: absent, passed over\n", path);
        return 0;
    }
    if (!S_ISDIR(info.st_mode))
        return replay_file(path, (size_t)info.st_size);
    DIR *folder = opendir(path);
    int count = 0;
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.' && stat(inner, &info) == 0 && S_ISREG(info.st_mode))
            count += replay_file(inner, (size_t)info.st_size);
    }
    if (folder)
        closedir(folder);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++)
        count += replay(argv[i]);
    printf("%d inputs\n", count);
    return count > 0 ? 0 : 1;
}
