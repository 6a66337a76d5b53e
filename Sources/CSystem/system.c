#include "CSystem.h"

int *cs_place_of_thread(void) {
    static _Thread_local int place;
    return &place;
}

cs_trace_depth *cs_trace_depth_of_thread(void) {
    static _Thread_local cs_trace_depth depth;
    return &depth;
}
