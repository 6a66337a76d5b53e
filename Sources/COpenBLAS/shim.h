#pragma once
#include <cblas.h>
#include <stddef.h>

// The LAPACK routines that are used, which OpenBLAS contains and cblas.h leaves out: Fortran, so
// that every argument is an address and the lengths of character arguments follow at the end.
// Complex numbers are pairs of doubles.
void dgetrf_(const blasint *m, const blasint *n, double *a, const blasint *lda, blasint *pivots,
    blasint *info);
void dgetri_(const blasint *n, double *a, const blasint *lda, const blasint *pivots, double *work,
    const blasint *lwork, blasint *info);
void dgetrs_(const char *trans, const blasint *n, const blasint *nrhs, const double *a,
    const blasint *lda, const blasint *pivots, double *b, const blasint *ldb, blasint *info,
    size_t trans_length);
void dtrtri_(const char *uplo, const char *diag, const blasint *n, double *a, const blasint *lda,
    blasint *info, size_t uplo_length, size_t diag_length);
void dpotrf_(const char *uplo, const blasint *n, double *a, const blasint *lda, blasint *info,
    size_t uplo_length);
void dgeqrf_(const blasint *m, const blasint *n, double *a, const blasint *lda, double *tau,
    double *work, const blasint *lwork, blasint *info);
void dorgqr_(const blasint *m, const blasint *n, const blasint *k, double *a, const blasint *lda,
    const double *tau, double *work, const blasint *lwork, blasint *info);
void dgesdd_(const char *job, const blasint *m, const blasint *n, double *a, const blasint *lda,
    double *s, double *u, const blasint *ldu, double *vt, const blasint *ldvt, double *work,
    const blasint *lwork, blasint *iwork, blasint *info, size_t job_length);
void zgesdd_(const char *job, const blasint *m, const blasint *n, double *a, const blasint *lda,
    double *s, double *u, const blasint *ldu, double *vt, const blasint *ldvt, double *work,
    const blasint *lwork, double *rwork, blasint *iwork, blasint *info, size_t job_length);
void dsyevd_(const char *job, const char *uplo, const blasint *n, double *a, const blasint *lda,
    double *w, double *work, const blasint *lwork, blasint *iwork, const blasint *liwork,
    blasint *info, size_t job_length, size_t uplo_length);
void zheevd_(const char *job, const char *uplo, const blasint *n, double *a, const blasint *lda,
    double *w, double *work, const blasint *lwork, double *rwork, const blasint *lrwork,
    blasint *iwork, const blasint *liwork, blasint *info, size_t job_length, size_t uplo_length);
void dgeev_(const char *left, const char *right, const blasint *n, double *a, const blasint *lda,
    double *wr, double *wi, double *vl, const blasint *ldvl, double *vr, const blasint *ldvr,
    double *work, const blasint *lwork, blasint *info, size_t left_length, size_t right_length);
void zgeev_(const char *left, const char *right, const blasint *n, double *a, const blasint *lda,
    double *w, double *vl, const blasint *ldvl, double *vr, const blasint *ldvr, double *work,
    const blasint *lwork, double *rwork, blasint *info, size_t left_length, size_t right_length);
