/* The ways to die, each a function without arguments that a program can call through ctypes, or `die NAME` as a program. */
#define _GNU_SOURCE
#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define MIB (1L << 20)
static volatile long nothing = 0;

void segv(void) { *(volatile int *)nothing = 1; }
void outer_segv(void) { segv(); nothing = 0; }
void aborts(void) { abort(); }
void asserts(void) { assert(nothing == 906); }
void ill(void) { __asm__ volatile("ud2"); }
void fpe(void) { nothing = 906 / nothing; }

void bus(void) {
  int file = memfd_create("zoo", 0);
  if (ftruncate(file, 8192)) return;
  volatile char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (ftruncate(file, 0)) return;
  page[4096] = 1;
}

long recurse(long bytes) {
  volatile char room[4096];
  room[0] = (char)bytes;
  return bytes <= 0 ? 0 : recurse(bytes - 4096) + room[0];
}
void overflow(void) { recurse(1L << 40); }
void recurse_6(void) { recurse(6 * MIB); }

static void *deep(void *bytes) { recurse((long)bytes); return 0; }
void overflow_in_thread(void) {  /* a mebibyte in a thread that has half of one */
  pthread_t thread;
  pthread_attr_t how;
  pthread_attr_init(&how);
  pthread_attr_setstacksize(&how, MIB / 2);
  pthread_create(&thread, &how, deep, (void *)MIB);
  pthread_join(thread, 0);
}

static void *second(void *unused) { segv(); return unused; }
void threads(void) {  /* dies in its second thread, which OMP_NUM_THREADS=1 spares */
  const char *asked = getenv("OMP_NUM_THREADS");
  if (asked && atoi(asked) == 1) return;
  pthread_t thread;
  pthread_create(&thread, 0, second, 0);
  pthread_join(thread, 0);
}

void grow(void) {
  for (int step = 0; step < 384; step++) { memset(malloc(8 * MIB), 1, 8 * MIB); usleep(5000); }
  sleep(20);
}
void grow_mapped(void) {
  for (int step = 0; step < 384; step++) {
    char *room = mmap(0, 8 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (long at = 0; at < 8 * MIB; at += 4096) room[at] = 1;
    usleep(5000);
  }
  sleep(20);
}
void grow_in_child(void) {
  if (!fork()) { setsid(); grow(); _exit(0); }
  sleep(30);
}
void reserve(void) {  /* as the HSA runtime does; two pages of it are used */
  char *room = mmap(0, 1L << 40, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED || mprotect(room, 8192, PROT_READ | PROT_WRITE)) exit(9);
  room[0] = room[4096] = 1;
  char *more = mmap(0, 1L << 40, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (more == MAP_FAILED) exit(9);
  usleep(400000);  /* long enough to be looked at */
}

void busy(void) { for (long turn = 0; turn < 60000000000; turn++) nothing = 0; }
void deadlock(void) {
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  alarm(60);
  pthread_mutex_lock(&lock);
  pthread_mutex_lock(&lock);
}

void forks(void) {  /* 2000 children at most, which live for 20 seconds, each in a session of its own */
  for (int child = 0; child < 2000; child++) {
    if (!fork()) { setsid(); sleep(20); _exit(0); }
    usleep(5000);
  }
  sleep(20);
}
static void daemon_of(int ignores) {  /* the grandchild belongs to nobody, ignores what asks it to end, and holds no pipe */
  if (fork()) return;
  setsid();
  if (fork()) _exit(0);
  if (ignores) { signal(SIGTERM, SIG_IGN); signal(SIGINT, SIG_IGN); signal(SIGHUP, SIG_IGN); signal(SIGABRT, SIG_IGN); }
  if (ignores) for (int file = 0; file < 256; file++) close(file);
  sleep(60);
  _exit(0);
}
void daemons(void) { for (int number = 0; number < 3; number++) daemon_of(number); usleep(100000); }
void daemons_segv(void) { daemons(); segv(); }
void daemons_hang(void) { daemons(); sleep(60); }
void hops(void) {  /* a daemon that is never the same process for longer than a millisecond, for at most 20 seconds */
  if (fork()) { usleep(200000); return; }
  for (int number = 1; number < 32; number++) signal(number, SIG_IGN);
  for (int turn = 0; turn < 20000; turn++) {
    setsid();
    if (fork()) _exit(0);
    usleep(1000);
  }
  _exit(0);
}
void ignores(void) {
  for (int number = 1; number < 32; number++) signal(number, SIG_IGN);
  sleep(60);
}
void closes(void) {
  for (int file = 0; file < 256; file++) close(file);
  usleep(600000);
}
void gigabyte(void) {
  static char line[1 << 16];
  memset(line, 'x', sizeof line);
  for (long at = 99; at < (long)sizeof line; at += 100) line[at] = '\n';
  for (int number = 0; number < 1 << 14; number++) for (long sent = 0, more; sent < (long)sizeof line; sent += more)
    if ((more = write(number & 1 ? 1 : 2, line + sent, sizeof line - sent)) < 0) exit(9);
}
void gpu_fault(void) {  /* the runtime says so, and the process hangs for ever */
  fputs("Memory access fault by GPU node-1 (Agent handle: 0x55d0c8a4b2c0) on address 0x7f5e21000000. "
        "Reason: Page not present or supervisor privilege.\n", stderr);
  sleep(60);
}
void nothing_wrong(void) {}

#ifdef PROGRAM
#define WAY(name) {#name, name}
static const struct { const char *name; void (*die)(void); } ways[] = {
  WAY(segv), WAY(outer_segv), WAY(aborts), WAY(asserts), WAY(ill), WAY(fpe), WAY(bus), WAY(overflow), WAY(recurse_6),
  WAY(overflow_in_thread), WAY(threads), WAY(grow), WAY(grow_mapped), WAY(grow_in_child), WAY(reserve), WAY(busy), WAY(deadlock),
  WAY(forks), WAY(daemons), WAY(daemons_segv), WAY(daemons_hang), WAY(hops), WAY(ignores), WAY(closes), WAY(gigabyte), WAY(gpu_fault),
  WAY(nothing_wrong)};
int main(int count, char **words) {
  for (unsigned number = 0; count > 1 && number < sizeof ways / sizeof *ways; number++)
    if (!strcmp(words[1], ways[number].name)) { ways[number].die(); return 0; }
  return 99;
}
#endif
