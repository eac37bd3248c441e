/**
 * @file broker/shell/notify.h
 * The service manager's notification socket (sd_notify(3) protocol: one datagram to
 * $NOTIFY_SOCKET).
 */
#pragma once

/** Send @p state ("READY=1", "WATCHDOG=1", "STOPPING=1"); nothing happens when nobody asked for it.
 */
void lth_notify(const char *state);
