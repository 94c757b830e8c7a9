/* version.h - what --version and /-/stats say. */
#ifndef FIVEFOLD_VERSION_H
#define FIVEFOLD_VERSION_H

#define FIVEFOLD_VERSION "0.3"

#endif
