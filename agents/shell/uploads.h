/**
 * @file agents/shell/uploads.h
 * Hosted schools: inboxes, uploads under way, and the control verbs that the upload page
 * (agents/intake) and `lienthong upload` speak.
 *
 * Inbox of a school: a directory. A file counts when its name is 1..80 of [A-Za-z0-9._-], begins
 * with a letter or digit, does not end in ".part", ".tmp" or ".filepart", it is a regular file with
 * one link, and nobody has it open for writing (a read lease can be had). A file under any other
 * name, or under that of an upload that is known, gets one of that form first (time of arrival, a
 * number, its ending) and keeps its turn. Everything else is left alone and told by `status`.
 * Subdirectories that are ours, never looked at for uploads:
 *   .in/       where the upload page writes before it renames into the inbox (same file system)
 *   .kept/ID   the file after it was read, for limits.keep_uploads days
 *   .answer/ID.xlsx  the answer workbook, made when asked for
 *
 * Verbs (JSON lines, lth/control.h); times ISO 8601 UTC; texts {"vi": ..., "en": ...}:
 *   upload_list   {org, limit?}          rows {upload: U}, newest first
 *   upload_show   {org, id}              row {upload: U}, then rows {finding: F}
 *   upload_answers {org, id}             makes the answer workbook; end {path, rows}
 *   upload_receipt {org, id}             end {receipt: {...}}: file's SHA-256, batches with header
 *                                        hashes, every tier's signed receipt in hex, key, role
 *   upload_act    {org, id?, act: confirm|withdraw|answer|accept, by, reason, dataset?, hash?,
 *                  record?, rule?}       hash, record: hex; record "new" = a new record
 *   hosted_list   {}                     rows {org, name, profile, inbox, last upload's U}
 * U = {id, number, state, received, done, bytes, sha256, fault: {code, vi, en}|null,
 *      detail: {vi, en}, findings: n, held_above: n (in list and show), waiting: bool,
 *      signed: {vi, en} ("Sở ... ký thay trường"),
 *      tables: [{dataset, title, rows, fresh, changed, same, ended, held, asked, warned,
 *                fault: {code, vi, en}|null, gone, old, known}],
 *      tiers: [{org, name, kind, received}]}        every tier on the path up, received null before
 * F = {row, dataset, column (header as the file has it), letter ("F", as Excel calls the column;
 *      "" when that is not known), severity: error|warning|blocks|question, code, rule,
 *      text: {vi, en}, hash, record, accepted, candidates: [{record, text}], tier: org code of who
 *      holds it, or null, rejected: {org, name, by, why, ms} (a person of that tier)|null}
 */
#pragma once
