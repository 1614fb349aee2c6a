/*
 * Copyright The refract Authors.
 * SPDX-License-Identifier: Apache-2.0
 *
 * refract.h - the whole C interface of librefract, and its only public header. It is one file, however long, so that
 * whoever binds or vendors the library has one thing to read.
 *
 * refract reads extended OCI indexes (Proposal F of the OCI reference-types working group): one index that
 * holds an image's manifests and the artifacts attached to it. A *walk* goes through such an index without doing
 * any I/O: the caller hands it the root's bytes, the walk answers "I need this document" or "done", and the caller
 * feeds it until it is done. What was selected and what is attached is then read as flat arrays.
 *
 *     refract_request_new   what to look for: platforms, policy, limits. Immutable; may be shared by threads.
 *     refract_walk_new      one walk; not thread-safe; may be begun again for another root (memory is reused).
 *     refract_walk_begin    the root's descriptor and bytes  -> REFRACT_NEED | REFRACT_OK | an error
 *     refract_walk_feed     the bytes that were asked for    -> REFRACT_NEED | REFRACT_OK | an error
 *     refract_walk_missing  they cannot be had               -> REFRACT_NEED | REFRACT_OK | an error
 *     refract_walk_result, refract_walk_notes, refract_walk_references
 *     refract_search_begin  of what a pull finds attached, there and elsewhere: is the policy met?
 *
 * Programs that have no way of their own to a registry let refract go there: an *image* does the walk and looks for
 * what is attached elsewhere, too, in a registry or in an OCI layout. native/examples/list.c is a whole program.
 *
 *     refract_client_new    how to reach registries; keeps connections and tokens for one image after another
 *     refract_image_open    the image behind a name
 *     refract_image_root, refract_image_select, refract_image_list, refract_image_get
 *
 * Conventions
 *   1. Every fallible function returns a refract_status and takes a caller-owned refract_error last (may be NULL).
 *      Nothing is thread-local, nothing is printed, nothing aborts or throws.
 *   2. Strings are UTF-8, given by pointer and length, never NUL-terminated; an absent one has size 0.
 *   3. What a walk hands out is owned by the walk and valid until it is begun again or freed; what an image hands out,
 *      by the image, until the same function is called again or it is freed.
 *      Input bytes and strings are copied; no pointer of the caller is kept.
 *   4. Each type has one _free, which takes NULL. On failure `*out` stays as it was.
 *   5. Sizes are bytes. Digests are validated ("sha256:" and 64 lower-case hex digits, or sha512 with 128) before use;
 *      every document's bytes are checked against the digest and size of the descriptor that asked for it.
 *   6. A request may be shared by threads. Everything else is used by one thread at a time; different objects by
 *      different threads, but a client and its images together count as one object. Only refract_client_cancel may be
 *      called meanwhile.
 *   7. Only refract_image_get calls back, on the calling thread, before it returns.
 *   8. An options struct is zeroed by the caller; zero, NULL and an empty string mean the default everywhere.
 */
#ifndef REFRACT_H
#define REFRACT_H

#include <stddef.h>
#include <stdint.h>

/* Raised whenever a struct or function below changes. Compare with refract_abi_version() at load. */
#define REFRACT_ABI_VERSION 7u

/* "No such index" in the uint32_t fields below. */
#define REFRACT_NONE UINT32_MAX

#if defined(__GNUC__)
#define REFRACT_API __attribute__((visibility("default")))
#else
#define REFRACT_API
#endif

#ifdef __cplusplus
#define REFRACT_NOEXCEPT noexcept
extern "C" {
#else
#define REFRACT_NOEXCEPT
#endif

/* What a call came to. Everything from REFRACT_INVALID_ARGUMENT on is an error. */
typedef enum refract_status {
    REFRACT_OK = 0,
    REFRACT_NEED = 1,             /* the walk needs a document: see refract_need */
    REFRACT_INVALID_ARGUMENT = 2, /* the caller's mistake */
    REFRACT_OUT_OF_MEMORY = 3,
    REFRACT_INTERNAL = 4,        /* a bug in refract */
    REFRACT_MALFORMED = 5,       /* not JSON, not UTF-8, or not what the specification says it is */
    REFRACT_AMBIGUOUS = 6,       /* can be read in two ways: duplicate or colliding keys, index and manifest at once */
    REFRACT_LIMIT_EXCEEDED = 7,  /* over one of refract_limits */
    REFRACT_SIZE_MISMATCH = 8,   /* the bytes are not as many as the descriptor says */
    REFRACT_DIGEST_MISMATCH = 9, /* the bytes are not those the descriptor names */
    REFRACT_TYPE_MISMATCH = 10,  /* the bytes are an index where a manifest was named, or the reverse */
    REFRACT_NO_MATCH = 11,       /* no entry can run on the requested platform; the message says why, entry by entry */
    REFRACT_MISSING = 12,        /* a document that the selection cannot do without cannot be had */
    REFRACT_UNSUPPORTED = 13,    /* an algorithm or format that refract does not read */
    REFRACT_DENIED = 14,         /* may not be read: no credentials, or not enough of them; or a policy refuses it */
    REFRACT_UNREACHABLE = 15,    /* nobody answers, or not as the protocol has it */
    REFRACT_CANCELLED = 16
} refract_status;

/* The longest error message, with its terminating NUL. Longer ones are cut at a character's edge and end in "…". */
#define REFRACT_ERROR_MESSAGE_SIZE 4096

/* Filled on failure only. `message` is one line, NUL-terminated UTF-8, free of control characters: what, where, why. */
typedef struct refract_error {
    refract_status status;
    char message[REFRACT_ERROR_MESSAGE_SIZE];
} refract_error;

typedef struct refract_string {
    const char* data;
    size_t size;
} refract_string;

/* image-spec, image-index.md, "platform". */
typedef struct refract_platform {
    refract_string os;
    refract_string architecture;
    refract_string variant;
    refract_string os_version;
    const refract_string* os_features;
    size_t os_features_count;
} refract_platform;

/* image-spec, descriptor.md. `platform` is NULL where none is declared. */
typedef struct refract_descriptor {
    refract_string media_type;
    refract_string digest;
    refract_string artifact_type;
    int64_t size;
    const refract_platform* platform;
} refract_descriptor;

/* ---- limits ------------------------------------------------------------------------------------------------- */

typedef struct refract_limits {
    uint64_t document_bytes;     /* of an index or manifest; 4 MiB */
    uint64_t config_bytes;       /* of an image config; 4 MiB */
    uint64_t walk_bytes;         /* all documents of one walk together; 16 MiB */
    uint32_t json_depth;         /* 64; at most 1,024 */
    uint32_t nesting;            /* indexes inside indexes, the root not counted; 8 */
    uint32_t documents;          /* unique documents in one walk, the root counted; 256 */
    uint32_t annotation_bytes;   /* keys and values of one descriptor's annotations; 64 KiB */
    uint32_t reference_blobs;    /* manifests, configs and layers of one fetched reference; 256 */
    uint32_t fetched_references; /* references that a policy may fetch for one image; 1,000 */
    uint32_t entries;            /* of one index, and layers of one manifest; 10,000 */
} refract_limits;

/* The one table of limits: fills `out` with the defaults. */
REFRACT_API void refract_limits_default(refract_limits* out) REFRACT_NOEXCEPT;

/* ---- request ------------------------------------------------------------------------------------------------ */

typedef enum refract_mode {
    REFRACT_SELECT = 0, /* find the image to run, as a pull does; reads no more documents than that takes */
    REFRACT_LIST = 1    /* select nothing; read every nested index that can be had, to list what is attached */
} refract_mode;

typedef enum refract_match {
    REFRACT_MATCH_EXACT = 0,     /* a platform matches itself, as containerd's platforms.Ordered(p) */
    REFRACT_MATCH_COMPATIBLE = 1 /* and what it can also run, best first, as containerd's platforms.Only(p) */
} refract_match;

/* Zero it, then set what matters; a zero limit means the default. */
typedef struct refract_request_options {
    uint32_t abi_version; /* REFRACT_ABI_VERSION */
    refract_mode mode;
    refract_match match;
    const refract_platform* platforms; /* one selection for each; none: every image of the index, all of them proven */
    size_t platforms_count;
    const refract_string* config_types; /* further config media types that make a manifest an image */
    size_t config_types_count;
    /* Not 0: images of other platforms are children too, unproven ("all metadata"), and BuildKit's attestations, so
     * that an image as BuildKit makes it is followed just as a plain containerd follows it. */
    int32_t other_platforms;
    int32_t fetch_references;              /* not 0: mark the references that the policy wants fetched */
    int32_t references_of_all_platforms;   /* not 0: not only those about what is selected and the indexes around it */
    const refract_string* reference_types; /* kinds (refract_kind_name), or types compared exactly; none: all */
    size_t reference_types_count;
    const refract_string* required_types; /* kinds or types: of each, every selected image must have a reference */
    size_t required_types_count;
    refract_limits limits;
} refract_request_options;

typedef struct refract_request refract_request;

REFRACT_API refract_status refract_request_new(refract_request** out, const refract_request_options* options,
                                               refract_error* error) REFRACT_NOEXCEPT;
REFRACT_API void refract_request_free(refract_request* request) REFRACT_NOEXCEPT;

/* 1 if `platform` matches any requested platform, else 0. */
REFRACT_API int32_t refract_request_match(const refract_request* request,
                                          const refract_platform* platform) REFRACT_NOEXCEPT;
/* 1 if `a` is preferred to `b`, as containerd's MatchComparer.Less(a, b) of the same platforms, else 0. */
REFRACT_API int32_t refract_request_less(const refract_request* request, const refract_platform* a,
                                         const refract_platform* b) REFRACT_NOEXCEPT;

/* ---- walk --------------------------------------------------------------------------------------------------- */

typedef struct refract_walk refract_walk;

typedef enum refract_document_kind {
    REFRACT_DOCUMENT_OTHER = 0, /* only from refract_media_type_kind: neither of the others */
    REFRACT_DOCUMENT_INDEX = 1,
    REFRACT_DOCUMENT_MANIFEST = 2,
    REFRACT_DOCUMENT_CONFIG = 3
} refract_document_kind;

/* What kind of document a media type names, OCI's and Docker's alike. */
REFRACT_API refract_document_kind refract_media_type_kind(const char* media_type, size_t size) REFRACT_NOEXCEPT;

/* A document that the walk waits for. Owned by the walk, valid until its next call. */
typedef struct refract_need {
    refract_descriptor descriptor;
    refract_document_kind kind;
    uint64_t max_bytes; /* never read more than this many; the descriptor's size is within it */
    int32_t required;   /* not 0: if it is missing, the walk ends with REFRACT_MISSING; else it goes on without it */
} refract_need;

/* The request must outlive the walk. */
REFRACT_API refract_status refract_walk_new(refract_walk** out, const refract_request* request,
                                            refract_error* error) REFRACT_NOEXCEPT;
REFRACT_API void refract_walk_free(refract_walk* walk) REFRACT_NOEXCEPT;

/* Begins (again) at an index: the root's descriptor as the registry gave it, and its bytes. */
REFRACT_API refract_status refract_walk_begin(refract_walk* walk, const char* media_type, size_t media_type_size,
                                              const char* digest, size_t digest_size, int64_t size, const void* bytes,
                                              size_t bytes_size, refract_need* need,
                                              refract_error* error) REFRACT_NOEXCEPT;
/* Hands over the document that was asked for. `accepted`, which may be NULL, is set to 1 if the bytes are those, by
 * size and digest, whatever comes of them: whoever keeps them need not check them again. Else it is set to 0. */
REFRACT_API refract_status refract_walk_feed(refract_walk* walk, const void* bytes, size_t bytes_size,
                                             int32_t* accepted, refract_need* need,
                                             refract_error* error) REFRACT_NOEXCEPT;
/* Says that the document cannot be had, for good (not: try again later); `reason` is for the person who reads it. */
REFRACT_API refract_status refract_walk_missing(refract_walk* walk, const char* reason, size_t reason_size,
                                                refract_need* need, refract_error* error) REFRACT_NOEXCEPT;

/* An entry of an index: its position in `manifests` of the index numbered `document`. */
typedef struct refract_place {
    uint32_t document;
    uint32_t position;
} refract_place;

/* A document that was read. The root is number 0 and has no place. */
typedef struct refract_document {
    refract_document_kind kind;
    refract_string media_type;
    refract_string digest;
    int64_t size;
    refract_place place; /* of the entry that led to it first; for a config, of its manifest's entry */
} refract_document;

typedef struct refract_selection {
    refract_descriptor manifest; /* its platform is the declared one, else the config's */
    refract_string config_digest;
    uint32_t requested;        /* number of the requested platform; REFRACT_NONE if all were requested */
    const refract_place* path; /* from the root's entry down to the manifest's own */
    size_t path_count;
} refract_selection;

typedef struct refract_result {
    const refract_document* documents;
    size_t documents_count;
    const refract_selection* selections;
    size_t selections_count;
    const refract_place* children; /* the entries that a pull follows, each once, ordered by document and position */
    size_t children_count;
    /* Entries that a plain containerd would have taken too (no platform, a selected one, or with other_platforms any)
     * and that are not children. */
    const refract_place* left_out;
    size_t left_out_count;
    size_t references_count;     /* as refract_walk_references will list them */
    size_t unread_indexes_count; /* nested indexes that were not read: what they hold is not known */
} refract_result;

/* Only after REFRACT_OK. */
REFRACT_API refract_status refract_walk_result(refract_walk* walk, const refract_result** out,
                                               refract_error* error) REFRACT_NOEXCEPT;

/* Why an entry was passed over; for debug logs and `--explain`. */
typedef struct refract_note {
    refract_place place;
    refract_string digest;
    refract_string reason;
} refract_note;

typedef struct refract_notes {
    const refract_note* notes;
    size_t count;
} refract_notes;

REFRACT_API refract_status refract_walk_notes(refract_walk* walk, const refract_notes** out,
                                              refract_error* error) REFRACT_NOEXCEPT;

/* containerd selects again, whenever it runs an image, from what the image's record points at. REFRACT_DENIED if that
 * must not be the walk's root: if containerd, asked for a requested platform (if all were: for any that is declared) or
 * for the host's (NULL: none), would come to a manifest that was not selected, or to an index that was not read. What
 * of it is on the host plays no part, so that content which comes later changes nothing. REFRACT_LIMIT_EXCEEDED if all
 * were requested and more than 256 are declared. Only after REFRACT_OK. */
REFRACT_API refract_status refract_walk_check_again(refract_walk* walk, const refract_platform* host,
                                                    refract_error* error) REFRACT_NOEXCEPT;

/* ---- references --------------------------------------------------------------------------------------------- */

/* What people ask for when they ask for a reference, whoever made it and whatever its media type; a bit each, because
 * one artifact may be of several kinds. native/oci/kinds.md has the table of the types that stand for them. */
typedef enum refract_kind {
    REFRACT_KIND_SBOM = 1,             /* SPDX, CycloneDX, Syft */
    REFRACT_KIND_SIGNATURE = 2,        /* cosign's, notation's, PGP's; a sigstore bundle only if it holds one */
    REFRACT_KIND_PROVENANCE = 4,       /* SLSA */
    REFRACT_KIND_ATTESTATION = 8,      /* any in-toto statement */
    REFRACT_KIND_VEX = 16,             /* OpenVEX, CSAF, CycloneDX VEX */
    REFRACT_KIND_VULNERABILITIES = 32, /* what a scan found */
    REFRACT_KIND_SOCI = 64,
    REFRACT_KIND_NYDUS = 128
} refract_kind;

/* The name of one kind, e.g. "sbom"; empty for anything else. Static. */
REFRACT_API refract_string refract_kind_name(uint32_t kind) REFRACT_NOEXCEPT;
/* The bit of the kind of that name; 0 if it names none, so that it is an exact type. */
REFRACT_API uint32_t refract_kind_named(const char* name, size_t size) REFRACT_NOEXCEPT;

/* Where a reference was found; a bit each, because two sources may tell of the same one. */
typedef enum refract_source {
    REFRACT_SOURCE_INDEX = 1,          /* Proposal F: an entry of an extended index */
    REFRACT_SOURCE_ANNOTATION = 2,     /* Proposal F: a signature kept in annotations of the image's own descriptor */
    REFRACT_SOURCE_BUILDKIT = 4,       /* an attestation manifest of BuildKit */
    REFRACT_SOURCE_SOCI = 8,           /* a SOCI v2 index */
    REFRACT_SOURCE_DIGEST_TAG = 16,    /* Proposal F: an index under the digest tag of what it enhances */
    REFRACT_SOURCE_REFERRERS_API = 32, /* distribution-spec, "Listing Referrers" */
    REFRACT_SOURCE_REFERRERS_TAG = 64, /* distribution-spec, "Referrers Tag Schema" */
    REFRACT_SOURCE_COSIGN_TAG = 128    /* cosign's tags: "sha256-….sig", ".att", ".sbom" */
} refract_source;

/* The name of one source bit, e.g. "index"; empty for anything else. Static. */
REFRACT_API refract_string refract_source_name(uint32_t source) REFRACT_NOEXCEPT;

typedef enum refract_answer { REFRACT_NO = 0, REFRACT_YES = 1, REFRACT_UNKNOWN = 2 } refract_answer;

typedef struct refract_reference {
    refract_descriptor descriptor; /* of the artifact; an annotation has none: digest and media type are empty */
    refract_string subject;   /* digest of what it is about; empty if its entry does not say, or says it malformed */
    refract_string malformed; /* the malformed subject as it stands there, control characters escaped */
    refract_string type;      /* reference type, else artifact type, else what the source implies; may be empty */
    refract_string description;
    refract_string annotation; /* key of an inline annotation */
    refract_string value;      /* its value: the content itself */
    uint32_t sources;          /* refract_source bits */
    refract_string tag;     /* under which the index or artifact was found that tells of it; of a walk always empty */
    refract_answer weak;    /* yes: nothing that was read lists the subject */
    refract_answer present; /* whether the artifact itself is there; unknown unless that was asked for */
    int32_t wanted;         /* not 0: the request's policy wants it fetched */
    refract_place place;    /* the first entry that tells of it; REFRACT_NONE twice where that is not in the index */
    /* What else it is called where it is listed again, and what its bytes say is in it: types of its config, layers and
     * predicates. Each once, sorted. */
    const refract_string* other_types;
    size_t other_types_count;
    refract_string artifact_type; /* its entry's, else what its bytes say in its place; empty if that is not known */
    uint32_t kinds;               /* refract_kind bits, of all types */
    int32_t unread; /* not 0: its entry does not say all, and its bytes were not read; so subject and kinds may lack */
} refract_reference;

typedef enum refract_node_kind {
    REFRACT_NODE_INDEX = 1,
    REFRACT_NODE_IMAGE = 2,
    REFRACT_NODE_REFERENCE = 3,
    REFRACT_NODE_SUBJECT = 4 /* a subject that no index lists: weak references hang below it */
} refract_node_kind;

typedef enum refract_node_flag {
    REFRACT_NODE_REPEATED = 1, /* shown before: a cycle ends here, or a second path joins */
    REFRACT_NODE_UNREAD = 2,   /* an index that was not read */
    REFRACT_NODE_SELECTED = 4  /* the image that a selection chose */
} refract_node_flag;

/* One line of the tree, in the order in which a person would print it; the root first, at depth 0. */
typedef struct refract_node {
    refract_node_kind kind;
    uint32_t depth;
    uint32_t flags;
    uint32_t reference; /* number in `references`; REFRACT_NONE of others, and if it only leads to one of those */
    refract_descriptor descriptor; /* of the index, image or reference; a subject has only a digest */
} refract_node;

typedef struct refract_references {
    const refract_reference* references; /* in document order, each once */
    size_t count;
    const refract_node* tree;
    size_t tree_count;
    const refract_string* notices; /* what could not be looked for, and why: a line each; of a walk none */
    size_t notices_count;
    size_t unread_indexes_count; /* nested indexes that could not be read: what they hold is not known */
} refract_references;

/* Built when first asked for. Only after REFRACT_OK. REFRACT_LIMIT_EXCEEDED if the policy wants more of them fetched
 * than refract_limits.fetched_references. */
REFRACT_API refract_status refract_walk_references(refract_walk* walk, const refract_references** out,
                                                   refract_error* error) REFRACT_NOEXCEPT;

/* ---- what a pull finds attached ------------------------------------------------------------------------------ */

/* Where a walk tells what the index holds, a *search* adds what the repository holds elsewhere, under digest tags, in
 * the referrers API and under cosign's tags, and tells whether the policy of the request is met. It does no I/O either:
 *
 *     refract_search_begin     the finished walk, or a single manifest  -> REFRACT_NEED | REFRACT_OK | an error
 *     refract_search_answer    the bytes of one question's answer, or   (for each question, in any order)
 *     refract_search_missing   that there is none
 *     refract_search_next                                               -> REFRACT_NEED | REFRACT_OK | an error
 *     refract_search_references, refract_search_check_required, refract_search_record
 *
 * Nothing is asked where the index tells of every type that is required or named to be fetched. A search that cannot be
 * carried through may be left there: it tells what the index told. */
typedef struct refract_search refract_search;

typedef enum refract_question_kind {
    REFRACT_QUESTION_MANIFEST =
        1, /* a manifest or index by its tag or digest (distribution-spec, "Pulling manifests") */
    REFRACT_QUESTION_REFERRERS = 2 /* an index of what is about a digest (distribution-spec, "Listing Referrers") */
} refract_question_kind;

typedef struct refract_question {
    refract_question_kind kind;
    refract_string reference;
    refract_string media_type; /* of a manifest: what it most likely is; some registries must be told, to give it */
    uint64_t max_bytes;        /* of the answer */
} refract_question;

/* May be asked at the same time. Owned by the search, valid until its next call. */
typedef struct refract_questions {
    const refract_question* questions;
    size_t count;
    uint64_t max_bytes; /* of all answers together: whoever asks at the same time stops there */
} refract_questions;

/* `sources`: refract_source bits of the places to ask. Those in the index stand for the bytes of artifacts of which the
 * index does not say enough; what is required or fetched has its bytes read in any case. None of them: nothing else is.
 * `always` not 0: ask whatever the index tells. The request must outlive the search. */
REFRACT_API refract_status refract_search_new(refract_search** out, const refract_request* request, uint32_t sources,
                                              int32_t always, refract_error* error) REFRACT_NOEXCEPT;
REFRACT_API void refract_search_free(refract_search* search) REFRACT_NOEXCEPT;

/* Begins (again) with a finished walk, which must not be begun again or freed while the search is used; or, if that is
 * NULL, with the descriptor of a single manifest. */
REFRACT_API refract_status refract_search_begin(refract_search* search, refract_walk* walk, const char* media_type,
                                                size_t media_type_size, const char* digest, size_t digest_size,
                                                int64_t size, const refract_questions** out,
                                                refract_error* error) REFRACT_NOEXCEPT;
/* Answers the question with this number in the list. What was asked for by digest and has another counts as missing. */
REFRACT_API refract_status refract_search_answer(refract_search* search, uint32_t number, const void* bytes,
                                                 size_t bytes_size, refract_error* error) REFRACT_NOEXCEPT;
/* There is no answer, for good (not: try again later). */
REFRACT_API refract_status refract_search_missing(refract_search* search, uint32_t number, const char* reason,
                                                  size_t reason_size, refract_error* error) REFRACT_NOEXCEPT;
REFRACT_API refract_status refract_search_next(refract_search* search, const refract_questions** out,
                                               refract_error* error) REFRACT_NOEXCEPT;

/* Instead of asking: what refract_search_record gave for the same image once. */
REFRACT_API refract_status refract_search_recall(refract_search* search, const char* digest, size_t digest_size,
                                                 const void* bytes, size_t bytes_size,
                                                 refract_error* error) REFRACT_NOEXCEPT;

/* As refract_walk_references, with what was found elsewhere: its place is REFRACT_NONE twice. */
REFRACT_API refract_status refract_search_references(refract_search* search, const refract_references** out,
                                                     refract_error* error) REFRACT_NOEXCEPT;
/* REFRACT_DENIED unless every selected image has a reference of each required type: one about it or an index around it,
 * told of by an index that was read or found elsewhere. The message names what is missing and what is attached. */
REFRACT_API refract_status refract_search_check_required(refract_search* search, refract_error* error) REFRACT_NOEXCEPT;
/* What was found elsewhere, as an extended index of its own: to be kept for refract_search_recall. Empty if nothing
 * was. */
REFRACT_API refract_status refract_search_record(refract_search* search, refract_string* out,
                                                 refract_error* error) REFRACT_NOEXCEPT;

/* ---- one manifest ------------------------------------------------------------------------------------------- */

typedef struct refract_manifest refract_manifest;

/* What is known of a layer: its media type and the predicates that it attests, and the kinds of these. */
typedef struct refract_layer_types {
    const refract_string* types;
    size_t types_count;
    uint32_t kinds; /* refract_kind bits */
} refract_layer_types;

/* What a manifest says, read as strictly as everything else. image-spec, manifest.md. */
typedef struct refract_manifest_view {
    refract_string media_type;
    refract_string artifact_type;
    refract_string subject; /* digest; empty if there is none */
    refract_descriptor config;
    const refract_descriptor* layers;
    size_t layers_count;
    const refract_layer_types* layer_types; /* one for each layer */
} refract_manifest_view;

/* Checks the bytes against digest and limits, and parses them. `view` lives as long as the manifest. */
REFRACT_API refract_status refract_manifest_new(refract_manifest** out, const char* digest, size_t digest_size,
                                                const void* bytes, size_t bytes_size,
                                                const refract_manifest_view** view,
                                                refract_error* error) REFRACT_NOEXCEPT;
REFRACT_API void refract_manifest_free(refract_manifest* manifest) REFRACT_NOEXCEPT;

/* ---- what unknown bytes are ---------------------------------------------------------------------------------- */

typedef struct refract_identity refract_identity;

typedef struct refract_identity_view {
    refract_document_kind kind; /* index or manifest, by the structure */
    /* What the bytes say of themselves; else what they were served as, if that is of their kind; else OCI's. */
    refract_string media_type;
    /* As a list of referrers has it: of a manifest that has none, its config's media type (distribution-spec, "Listing
     * Referrers"). May be empty. */
    refract_string artifact_type;
    refract_string subject; /* digest; empty if there is none */
} refract_identity_view;

/* Tells whether bytes are an index or a manifest, whatever they were served as (a Content-Type; may be empty). Refused
 * is what can be read as both, what is neither, and Docker's schema 1. The caller checks the digest. `view` lives as
 * long as the identity. */
REFRACT_API refract_status refract_identity_new(refract_identity** out, const char* served_as, size_t served_as_size,
                                                const void* bytes, size_t bytes_size,
                                                const refract_identity_view** view,
                                                refract_error* error) REFRACT_NOEXCEPT;
REFRACT_API void refract_identity_free(refract_identity* identity) REFRACT_NOEXCEPT;

/* ---- images in registries and layouts ------------------------------------------------------------------------ */

/* A log-in for one registry; before those that docker and podman keep. */
typedef struct refract_login {
    refract_string host; /* as in images' names: "registry.example:5000", "docker.io" */
    refract_string username;
    refract_string password;
} refract_login;

/* Zero it, then set what matters. */
typedef struct refract_client_options {
    uint32_t abi_version;             /* REFRACT_ABI_VERSION */
    refract_string hosts_directories; /* of hosts.toml files, as containerd's config_path; none: no such file is read */
    /* config.json, or its directory. Default: the file that docker or podman would read, as $REGISTRY_AUTH_FILE,
     * $DOCKER_CONFIG, $XDG_RUNTIME_DIR, $XDG_CONFIG_HOME and $HOME lead to it. Credential helpers named there are run.
     * What $DOCKER_AUTH_CONFIG holds goes before either, as with docker; what cannot be read there is passed over, and
     * told by a notice, or by the error of an image that needs a log-in.
     */
    refract_string docker_config;
    const refract_login* logins;
    size_t logins_count;
    const refract_string* ca_files; /* certificates to trust besides the system's */
    size_t ca_files_count;
    refract_string system_ca_file; /* instead of the system's */
    /* HOST, HOST:PORT or network ("10.0.0.0/8") that may be private although only a registry names it, as a token
     * server or the place it redirects to. */
    const refract_string* allowed_hosts;
    size_t allowed_hosts_count;
    refract_string proxy;    /* URL; default: none. $HTTPS_PROXY and the like are not looked at */
    refract_string no_proxy; /* hosts that are asked without it, joined by commas: as NO_PROXY is read by Go programs */
    refract_string user_agent;
    int32_t plain_http;      /* not 0: http where no hosts.toml says better; hosts on loopback need no such flag */
    int32_t skip_tls_verify; /* not 0: trust any certificate */
    uint32_t timeout_ms; /* in which a connection, TLS, an answer, or more of it must come; default: 30 s, 10 s, 30 s,
                            60 s */
    refract_limits limits;
} refract_client_options;

typedef struct refract_client refract_client;

/* Opens no connection and reads no file yet. distribution-spec. */
REFRACT_API refract_status refract_client_new(refract_client** out, const refract_client_options* options,
                                              refract_error* error) REFRACT_NOEXCEPT;
/* Its images may still be used, and are freed on their own. */
REFRACT_API void refract_client_free(refract_client* client) REFRACT_NOEXCEPT;
/* Ends what is under way with REFRACT_CANCELLED, within half a second, and whatever comes after it: for good. Another
 * thread or a signal handler may call it. NULL is fine. */
REFRACT_API void refract_client_cancel(refract_client* client) REFRACT_NOEXCEPT;

typedef struct refract_image refract_image;

/* Reads the index or manifest that a name leads to: "host/repo:tag", "host/repo@digest", with Docker's defaults
 * ("alpine" is docker.io/library/alpine:latest), or "oci:DIR", "oci:DIR:TAG", "oci:DIR@digest" for an OCI layout
 * (image-spec, image-layout.md), where DIR may be a tar archive that holds one, also compressed with gzip or zstd. The
 * shortest beginning of DIR:TAG that is a layout or a file is DIR. A tag is asked for once; from then on its digest
 * counts, and no document is asked for twice. REFRACT_MISSING, REFRACT_DENIED and REFRACT_UNREACHABLE as their names
 * say. */
REFRACT_API refract_status refract_image_open(refract_image** out, refract_client* client, const char* name,
                                              size_t name_size, refract_error* error) REFRACT_NOEXCEPT;
REFRACT_API void refract_image_free(refract_image* image) REFRACT_NOEXCEPT;

/* What the name led to. Valid until the image is freed. */
typedef struct refract_root {
    refract_string name; /* with all defaults spelt out */
    refract_document_kind kind;
    refract_descriptor descriptor;
    const void* bytes; /* exactly as they came; descriptor.size of them */
} refract_root;

REFRACT_API refract_status refract_image_root(const refract_image* image, const refract_root** out,
                                              refract_error* error) REFRACT_NOEXCEPT;

/* Finds the image to run, as a pull does, with no more documents than that takes. The request counts with its own
 * limits, and may be freed afterwards. REFRACT_INVALID_ARGUMENT of a single manifest: there is nothing to select. */
REFRACT_API refract_status refract_image_select(refract_image* image, const refract_request* request,
                                                const refract_result** out, refract_error* error) REFRACT_NOEXCEPT;

/* Zero it, then set what matters. */
typedef struct refract_list_options {
    uint32_t abi_version;             /* REFRACT_ABI_VERSION */
    uint32_t sources;                 /* refract_source bits; default: every source */
    int32_t direct;                   /* not 0: nothing that is about a reference */
    int32_t scan_tags;                /* not 0: look into every index of the repository, too, which may be many */
    int32_t check_presence;           /* not 0: ask of each artifact whether it is there; one request each */
    refract_string type;              /* only this kind, or exactly this type */
    refract_string artifact_type;     /* only this artifactType */
    const refract_platform* platform; /* only what is about the image for it, and the indexes around that */
} refract_list_options;

/* Finds what is attached, as Proposal F has it in the index and under digest tags, and as distribution-spec ("Listing
 * Referrers", "Referrers Tag Schema") and cosign have it elsewhere. Each reference is told once, with all its sources.
 * `options` may be NULL. Places are those of the index's own documents: number 0 is the root. */
REFRACT_API refract_status refract_image_list(refract_image* image, const refract_list_options* options,
                                              const refract_references** out, refract_error* error) REFRACT_NOEXCEPT;

/* Takes the next `size` bytes, never 0 of them. What it answers other than 0 ends the reading with REFRACT_CANCELLED.
 * It must not call refract with the same client or image, and must not throw or longjmp. */
typedef int32_t (*refract_write)(void* user, const void* bytes, size_t size);

/* Instead of a layer's number: the manifest itself. */
#define REFRACT_WHOLE_MANIFEST UINT32_MAX

/* Streams a reference of the last list: one layer of its manifest, counted from 0; or of an annotation its value, and
 * of a reference that is a plain blob the blob, of one that is an index its document, all as layer 0. To know the
 * layers, get the manifest and let refract_manifest_new read it. Digest and size are checked on the way: unless
 * REFRACT_OK is returned, what was written may be anything and is to be thrown away. A broken connection is resumed
 * without the callback noticing. */
REFRACT_API refract_status refract_image_get(refract_image* image, uint32_t reference, uint32_t layer,
                                             refract_write write, void* user, refract_error* error) REFRACT_NOEXCEPT;

/* ---- small things ------------------------------------------------------------------------------------------- */

/* Writes into `out` how text of strangers is shown: control characters, what turns the direction of writing or cannot
 * be seen, spaces but the plain one, separators of lines, private use and invalid UTF-8 as \xNN. Returns how many bytes
 * that takes, at most four for each of `text`. Where they are more than `out_size`, the rest is not written. */
REFRACT_API size_t refract_printable(const char* text, size_t size, char* out, size_t out_size) REFRACT_NOEXCEPT;

/* Whether `bytes` have `digest`: REFRACT_OK, REFRACT_DIGEST_MISMATCH, or what is wrong with the digest itself. */
REFRACT_API refract_status refract_digest_verify(const char* digest, size_t digest_size, const void* bytes,
                                                 size_t bytes_size, refract_error* error) REFRACT_NOEXCEPT;

REFRACT_API uint32_t refract_abi_version(void) REFRACT_NOEXCEPT;
/* refract's own version, e.g. "0.1.0". Static. */
REFRACT_API refract_string refract_version(void) REFRACT_NOEXCEPT;
/* simdjson's kernel in use: "haswell", "westmere", "fallback", … Static. */
REFRACT_API refract_string refract_simd_kernel(void) REFRACT_NOEXCEPT;
/* The one message table: a short name for a status, e.g. "digest mismatch". Static. */
REFRACT_API refract_string refract_status_text(refract_status status) REFRACT_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif /* REFRACT_H */
