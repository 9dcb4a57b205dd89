/* The header's name in Microsoft's samples, and their words for arguments. A C++ program includes the headers
 * of the standard library before this one: libstdc++ has variables of these names. */
#ifndef DISM_EMU_DISMAPI_H
#define DISM_EMU_DISMAPI_H

#include <dismapi.h>
#include <sal.h>

#undef __in
#undef __out
#define __in
#define __in_opt
#define __out
#define __out_opt
#define __inout
#define __inout_opt

#endif
