// Open MPI's C interface for Swift. Its handles and constants are macros with casts, which Swift
// cannot import, so each one used gets a function here. There is no logic in this file.
#ifndef CMPI_SHIM_H
#define CMPI_SHIM_H

#include <mpi.h>

static inline MPI_Comm cmpi_world(void) { return MPI_COMM_WORLD; }
static inline MPI_Errhandler cmpi_errors_return(void) { return MPI_ERRORS_RETURN; }
static inline void *cmpi_in_place(void) { return MPI_IN_PLACE; }
static inline MPI_Request cmpi_no_request(void) { return MPI_REQUEST_NULL; }
static inline MPI_Status *cmpi_ignored_status(void) { return MPI_STATUS_IGNORE; }

static inline int cmpi_success(void) { return MPI_SUCCESS; }
static inline int cmpi_thread_serialized(void) { return MPI_THREAD_SERIALIZED; }
static inline int cmpi_error_string_bytes(void) { return MPI_MAX_ERROR_STRING; }

static inline MPI_Datatype cmpi_byte(void) { return MPI_BYTE; }

#endif
