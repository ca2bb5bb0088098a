/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_WHY_JUDGE_H
#define APP_WHY_JUDGE_H

#include "app/why.h"
#include "app/why_rule.h"
#include "app/why_target.h"
#include "base/attr.h"
#include "base/error.h"

/* Goes through the rules for a request in the order in which a server asks them, until one denies: fills in rules,
 * status, reason and fields. Blocks. Memory is the session's arena. Errors: ERROR_MEMORY, those of db_query(). */
MUST_USE enum error why_judge(struct why_scene *scene, struct why_target *target, struct why_report *report);

#endif
