/* In place of csrc/threads.c: threads that take turns, so that a file does the same every time, and none waits in a loop.
 * From one barrier to the next each runs alone, first to last and then last to first: so all of them find work to do. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

struct cln_team {
  int threads, gone, ended; /* of them, that have reached the barrier in this round; that have no more to do */
  unsigned round, last;     /* last: in which the first of them ended */
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  void (*task)(void *, int);
  void *argument;
};

typedef struct {
  cln_team *team;
  int thread;
} worker;

static _Thread_local int own; /* number of this thread */

static void await_turn(cln_team *team, unsigned round) {
  while (!(team->ended && team->round > team->last) && (team->round != round || (round % 2 ? team->threads - 1 - team->gone : team->gone) != own))
    pthread_cond_wait(&team->changed, &team->mutex);
  if (team->ended && team->round > team->last) {
    fprintf(stderr, "ERROR: guard: a thread waits for one that has ended\n");
    abort();
  }
}

static unsigned end_turn(cln_team *team) {
  const unsigned next = team->round + 1;
  if (++team->gone == team->threads) team->gone = 0, team->round = next;
  pthread_cond_broadcast(&team->changed);
  return next;
}

void cln_team_barrier(cln_team *team) {
  pthread_mutex_lock(&team->mutex);
  await_turn(team, end_turn(team));
  pthread_mutex_unlock(&team->mutex);
}

static void run_as(cln_team *team, int thread) {
  own = thread;
  pthread_mutex_lock(&team->mutex);
  await_turn(team, 0);
  pthread_mutex_unlock(&team->mutex);
  team->task(team->argument, thread);
  pthread_mutex_lock(&team->mutex);
  if (!team->ended++) team->last = team->round;
  end_turn(team);
  pthread_mutex_unlock(&team->mutex);
}

static void *work(void *argument) {
  const worker *self = argument;
  run_as(self->team, self->thread);
  return NULL;
}

void cln_team_run(cln_team *team, void (*task)(void *, int), void *argument) {
  pthread_t handles[team->threads];
  worker workers[team->threads];
  team->gone = team->ended = 0, team->round = 0, team->task = task, team->argument = argument;
  for (int i = 1; i < team->threads; ++i) {
    workers[i] = (worker){team, i};
    if (pthread_create(handles + i, NULL, work, workers + i)) abort();
  }
  run_as(team, 0);
  for (int i = 1; i < team->threads; ++i) pthread_join(handles[i], NULL);
}

int cln_team_threads(cln_team *team) { return team->threads; } /* nothing forks here */

cln_team *cln_team_create(int threads) {
  cln_team *team = calloc(1, sizeof *team);
  if (!team) return NULL;
  team->threads = threads;
  pthread_mutex_init(&team->mutex, NULL);
  pthread_cond_init(&team->changed, NULL);
  return team;
}

void cln_team_free(cln_team *team) {
  if (!team) return;
  pthread_cond_destroy(&team->changed);
  pthread_mutex_destroy(&team->mutex);
  free(team);
}
