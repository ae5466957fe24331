/* Watches over what each step touches, more closely than the sanitizers can: they see one arena, not the storages in it. */
#pragma once
#include "colonnade.h"

/* From here on steps of the model are watched. */
void guard_model(cln_model *model);

/* Before a run, and after it. */
void guard_arena(cln_session *session);
void release_arena(cln_session *session);
