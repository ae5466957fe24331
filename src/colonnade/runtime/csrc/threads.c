/* A team whose threads all execute the same function; inside it they meet at barriers. One wake-up per run of a whole
 * network, and none if the next run comes at once: threads spin briefly before they sleep. Between steps they spin, then
 * yield, so that a busy machine still makes progress. */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

enum { SPINS = 20000 };

typedef struct {
  cln_team *team;
  int thread;
} worker;

struct cln_team {
  int threads;
  pid_t process; /* that the threads belong to: a child of fork() has a copy of the team, but none of them */
  pthread_t *handles;
  worker *workers;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  atomic_uint run; /* its number; changed with mutex held */
  bool stop;
  void (*function)(void *, int);
  void *argument;
  _Alignas(64) atomic_int arrived;
  _Alignas(64) atomic_uint generation;
};

static void pause_cpu(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

void cln_team_barrier(cln_team *team) {
  unsigned generation = atomic_load_explicit(&team->generation, memory_order_relaxed);
  if (atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel) == team->threads - 1) {
    atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
    atomic_store_explicit(&team->generation, generation + 1, memory_order_release);
    return;
  }
  for (int spins = 0; atomic_load_explicit(&team->generation, memory_order_acquire) == generation; ++spins) {
    if (spins < SPINS)
      pause_cpu();
    else
      sched_yield();
  }
}

/* Waits for a run after the one `seen`, or for the end, which is true. */
static bool await_run(cln_team *team, unsigned seen) {
  for (int spins = 0; spins < SPINS && atomic_load_explicit(&team->run, memory_order_relaxed) == seen; ++spins)
    pause_cpu();
  pthread_mutex_lock(&team->mutex);
  while (atomic_load_explicit(&team->run, memory_order_relaxed) == seen && !team->stop)
    pthread_cond_wait(&team->wake, &team->mutex);
  bool stop = team->stop;
  pthread_mutex_unlock(&team->mutex);
  return stop;
}

static void *work(void *argument) {
  worker *self = argument;
  cln_team *team = self->team;
  for (unsigned seen = 0;; ++seen) {
    bool stop = await_run(team, seen);
    if (stop) return NULL;
    team->function(team->argument, self->thread);
    cln_team_barrier(team);
  }
}

void cln_team_run(cln_team *team, void (*function)(void *, int), void *argument) {
  if (team->threads > 1) {
    pthread_mutex_lock(&team->mutex);
    team->function = function;
    team->argument = argument;
    atomic_fetch_add_explicit(&team->run, 1, memory_order_relaxed);
    pthread_cond_broadcast(&team->wake);
    pthread_mutex_unlock(&team->mutex);
  }
  function(argument, 0);
  if (team->threads > 1) cln_team_barrier(team);
}

/* Starts the workers that the team has room for; how many did start. */
static int start_workers(cln_team *team) {
  team->process = getpid();
  pthread_mutex_init(&team->mutex, NULL);
  pthread_cond_init(&team->wake, NULL);
  int started = 0;
  for (; started < team->threads - 1; ++started) {
    team->workers[started] = (worker){team, started + 1};
    if (pthread_create(&team->handles[started], NULL, work, &team->workers[started])) break;
  }
  return started;
}

static void stop_workers(cln_team *team, int started) {
  pthread_mutex_lock(&team->mutex);
  team->stop = true;
  pthread_cond_broadcast(&team->wake);
  pthread_mutex_unlock(&team->mutex);
  for (int i = 0; i < started; ++i) pthread_join(team->handles[i], NULL);
  pthread_cond_destroy(&team->wake);
  pthread_mutex_destroy(&team->mutex);
}

static void free_team(cln_team *team) {
  free(team->handles);
  free(team->workers);
  free(team);
}

cln_team *cln_team_create(int threads) {
  cln_team *team = cln_aligned_alloc(sizeof *team);
  if (!team) return NULL;
  team->threads = threads;
  team->handles = calloc((size_t)threads, sizeof *team->handles);
  team->workers = calloc((size_t)threads, sizeof *team->workers);
  const bool room = team->handles && team->workers;
  const int started = room ? start_workers(team) : 0;
  if (room && started == threads - 1) return team;
  if (room) stop_workers(team, started);
  free_team(team);
  return NULL;
}

int cln_team_threads(cln_team *team) {
  if (team->threads == 1 || team->process == getpid()) return team->threads;
  /* What the parent's threads were doing when it forked is written here, perhaps half: a mutex locked by one of them. */
  team->stop = false;
  atomic_store(&team->run, 0);
  atomic_store(&team->arrived, 0);
  atomic_store(&team->generation, 0);
  const int started = start_workers(team);
  if (started < team->threads - 1) {
    stop_workers(team, started);
    team->threads = 1;
    start_workers(team);
  }
  return team->threads;
}

void cln_team_free(cln_team *team) {
  if (!team) return;
  if (team->process == getpid()) stop_workers(team, team->threads - 1);
  free_team(team);
}
