import { open, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeAtomically } from '../../base/atomic-file.ts'
import type { Clock } from '../../base/clock.ts'
import { readAt } from '../../base/file-at.ts'
import type { Log } from '../../base/log.ts'
import { makeOwnFolder } from '../../base/processes.ts'
import type { ObjectId } from '../../codec/types.ts'
import type { PeerSpeed } from '../network/peer-book.ts'
import type { SpeedStore, Speeds } from './client.ts'

export interface SpeedFileInit {
  network: ObjectId
  clock: Clock
  log: Log
  /** made when it is not there, inside one that is; a folder of this user's among the machine's temporary files when absent */
  folder?: string | undefined
}

/** A thousand members with forty waits each are half of it. */
const MAX_BYTES = 1024 * 1024
/** What is older says little, and the network may be gone. */
const KEPT_MS = 7 * 24 * 3600 * 1000
const MAX_RELAYS = 1_000
const SUFFIX = '.speeds.json'

/**
 * How fast the peers of a network were, and how good its relays, in a file that this user's clients share: the last one to close has the word. What cannot
 * be read or written is done without.
 */
export function createSpeedFile(init: SpeedFileInit): SpeedStore {
  const { network, clock, log } = init
  const folder = init.folder ?? join(tmpdir(), `floe-peers-${process.getuid?.() ?? 'user'}`)
  const path = join(folder, `${network.slice(2)}${SUFFIX}`)

  async function removeOld(): Promise<void> {
    for (const name of await readdir(folder)) {
      if (!name.endsWith(SUFFIX)) continue
      const other = join(folder, name)
      const { mtimeMs } = await stat(other)
      if (clock.now() - mtimeMs > KEPT_MS) await rm(other, { force: true })
    }
  }

  return {
    async load() {
      try {
        await makeOwnFolder(folder)
        return parse(await readText(path))
      } catch (err) {
        if ((err as NodeJS.ErrnoException).code !== 'ENOENT')
          log.debug({ err }, 'how fast peers were is not known')
        return { peers: [], relays: [] }
      }
    },
    async save({ peers, relays }) {
      try {
        await makeOwnFolder(folder)
        const texts = relays.map(([relay, score]) => [relay, new TextDecoder().decode(score)])
        const text = JSON.stringify({ schemaVersion: 1, speeds: peers, relays: texts })
        await writeAtomically(path, text, 0o600)
        await removeOld()
      } catch (err) {
        log.debug({ err }, 'how fast peers are was not kept')
      }
    },
  }
}

async function readText(path: string): Promise<string> {
  await using file = await open(path, 'r')
  const { size } = await file.stat()
  if (size > MAX_BYTES) throw new Error(`${path} has ${size} bytes`)
  const bytes = new Uint8Array(size)
  await readAt(file, path, 0, bytes)
  return new TextDecoder().decode(bytes)
}

function parse(text: string): Speeds {
  const { schemaVersion, speeds, relays } = (JSON.parse(text) ?? {}) as Record<string, unknown>
  if (schemaVersion !== 1 || !Array.isArray(speeds)) throw new Error('not written by this version')
  const scores = (Array.isArray(relays) ? relays : []).filter(isScore).slice(0, MAX_RELAYS)
  const encoder = new TextEncoder()
  return {
    peers: speeds.filter(isSpeed),
    relays: scores.map(([relay, score]) => [relay, encoder.encode(score)] as const),
  }
}

function isScore(value: unknown): value is [string, string] {
  return Array.isArray(value) && value.length === 2 && value.every(one => typeof one === 'string')
}

function isSpeed(value: unknown): value is PeerSpeed {
  const { nodeId, latencyMs, waitsMs } = (value ?? {}) as Record<keyof PeerSpeed, unknown>
  return typeof nodeId === 'string' && isMs(latencyMs) && Array.isArray(waitsMs) && waitsMs.every(isMs)
}

const isMs = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0
