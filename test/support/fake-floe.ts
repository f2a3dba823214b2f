/**
 * The command line with a network in memory, as a process of its own. Blobs are kept in the folder FAKE_FLOE_DIR, so that
 * one process can read what another stored. FAKE_FLOE_FAIL=CODE makes every operation fail, FAKE_FLOE_HANG=1 hang;
 * FAKE_FLOE_PIECE_BYTES=N gives blobs in pieces, FAKE_FLOE_STALL_AFTER=N no more than so many of their bytes;
 * FAKE_FLOE_READY=1 tells on stderr when signals are handled.
 */

import { runCli } from '../../node/cli/run.ts'
import { fakeParts } from './fake-parts.ts'

if (process.env.FAKE_FLOE_READY) {
  process.on('newListener', event => event === 'SIGTERM' && process.stderr.write('ready\n'))
}

const parts = fakeParts(process.env.FAKE_FLOE_DIR ?? '.', process.env)
process.exitCode = await runCli(process.argv.slice(2), parts)
