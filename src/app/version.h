/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_VERSION_H
#define APP_VERSION_H

/* The version of this build, "0.1.0"; set by the build from meson.build. */
#ifndef TENON_VERSION
#define TENON_VERSION "unbuilt"
#endif

#endif
