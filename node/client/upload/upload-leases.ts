import { createHash, randomBytes } from 'node:crypto'
import { readdir, rename, stat, unlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../../base/clock.ts'
import { isRunning, makeOwnFolder, thisMachine } from '../../../base/processes.ts'
import type { BlobId, ObjectId } from '../../../codec/types.ts'

/** One wallet's upload of one blob to one network. */
export interface LeaseKey {
  network: ObjectId
  owner: ObjectId
  blobId: BlobId
}

/** Dispose of it when the upload is over, whatever its end. */
export interface UploadLease extends AsyncDisposable {
  /** Another upload of the same was waited for, so that what it has stored may not be seen by all nodes yet. */
  readonly waited: boolean
  /** Whether no other upload may be busy with a registration that is on chain and not certified. */
  mayResume(): Promise<boolean>
}

/**
 * Tells the processes of one user on one machine who is storing what, so that none goes on with a registration that
 * another is busy with, and the same content is stored once. A registration itself does not tell whether somebody still
 * works on it, and its age does not either: a large upload takes minutes, and one that was cut short is to be resumed at
 * once. So each upload keeps a small file: it is touched while its process lives, and worth nothing once that is gone.
 */
export interface UploadLeases {
  /** Waits for the uploads of the same that came before, for a while. Rejects with the signal's reason only. */
  take(key: LeaseKey, options: { signal: AbortSignal; wait: boolean }): Promise<UploadLease>
}

export interface UploadLeasesInit {
  clock: Clock
  /** made when it is not there, inside one that is; a folder of this user's among the machine's temporary files when absent */
  folder?: string
  waitMs?: number
  staleMs?: number
}

/** Longer than most uploads; after it the content is paid for once more rather than waited for. */
const WAIT_MS = 30_000
const POLL_MS = 100
/** A process that has not touched its file for so long is gone, or stands still. */
const STALE_MS = 30_000
const TOUCHES = 6
/** The mark of an upload that did not wait for others: its registration is nobody else's to resume. */
const OWN = '.own'

interface Seen {
  name: string
  /** 0 while its holder still looks for one */
  ticket: number
  /** without the mark: they sort in the order of the tickets */
  order: string
  own: boolean
}

export function createUploadLeases({
  folder = join(tmpdir(), `floe-uploads-${process.getuid?.() ?? 'user'}`),
  waitMs = WAIT_MS,
  staleMs = STALE_MS,
  clock,
}: UploadLeasesInit): UploadLeases {
  // processes of another machine, or container, are known by their touches alone
  const here = thisMachine()
  const orderOf = (prefix: string, ticket: number, holder: string) =>
    `${prefix}-${String(ticket).padStart(10, '0')}-${holder}`

  /** Those of the key that live, in the order of their tickets; the files of dead ones are removed. */
  async function living(prefix: string): Promise<Seen[]> {
    const look = async () => (await readdir(folder)).filter(name => name.startsWith(prefix)).sort()
    for (let names = await look(); ; ) {
      const states = await Promise.all(names.map(name => stateOf(name)))
      // one that is renamed while a folder is read may be missing under both its names; so, too, when one is gone: the next
      // look tells under which name it is now
      const before = names
      names = await look()
      const left = before.filter((_, i) => states[i] !== 'dead')
      if (states.includes('gone') || names.join() !== left.join()) continue
      return left.map(seen)
    }
  }

  function seen(name: string): Seen {
    const own = name.endsWith(OWN)
    const order = own ? name.slice(0, -OWN.length) : name
    return { name, own, order, ticket: Number(order.split('-')[1]) }
  }

  async function stateOf(name: string): Promise<'alive' | 'dead' | 'gone'> {
    const path = join(folder, name)
    const touched = await stat(path).catch(() => undefined)
    if (touched === undefined) return 'gone'
    const [, , machine, pid] = name.split('-')
    if (clock.now() - touched.mtimeMs < staleMs && (machine !== here || isRunning(Number(pid))))
      return 'alive'
    await unlink(path).catch(() => undefined)
    return 'dead'
  }

  async function take(
    { network, owner, blobId }: LeaseKey,
    { signal, wait }: { signal: AbortSignal; wait: boolean },
  ): Promise<UploadLease> {
    const prefix = createHash('sha256').update(`${network} ${owner} ${blobId}`).digest('hex').slice(0, 32)
    const holder = `${here}-${process.pid}-${randomBytes(4).toString('hex')}`
    let order = orderOf(prefix, 0, holder)
    let path = join(folder, order)
    const become = async (name: string): Promise<void> => {
      await rename(path, join(folder, name))
      path = join(folder, name)
    }
    await writeFile(path, '', { flag: 'wx', mode: 0o600 })
    const touching = clock.every(staleMs / TOUCHES, () => {
      const now = new Date(clock.now())
      utimes(path, now, now).catch(() => undefined)
    })
    const release = async (): Promise<void> => {
      touching.stop()
      await unlink(path).catch(() => undefined)
    }
    try {
      // Lamport's bakery: a later upload gets a higher ticket, and none goes ahead of one that is choosing
      const last = Math.max(...(await living(prefix)).map(({ ticket }) => ticket))
      order = orderOf(prefix, last + 1, holder)
      await become(wait ? order : order + OWN)
      let waited = false
      for (let leftMs = waitMs; wait; leftMs -= POLL_MS) {
        const [first] = await living(prefix)
        if (first === undefined || first.order >= order) break
        waited ||= first.ticket > 0
        if (leftMs <= 0) {
          await become(order + OWN)
          break
        }
        await clock.sleep(POLL_MS, signal)
      }
      return {
        waited,
        async mayResume() {
          const others = (await living(prefix)).filter(seen => seen.order !== order)
          return (
            !path.endsWith(OWN) &&
            !others.some(other => other.own || (other.ticket > 0 && other.order < order))
          )
        },
        [Symbol.asyncDispose]: release,
      }
    } catch (error) {
      await release()
      throw error
    }
  }

  return {
    async take(key, options) {
      options.signal.throwIfAborted()
      try {
        await makeOwnFolder(folder)
        return await take(key, options)
      } catch (error) {
        options.signal.throwIfAborted()
        if (!(error instanceof Error && 'code' in error)) throw error
        // no such folder can be had: the chain refuses a second certificate, and that is taken for success
        return { waited: false, mayResume: async () => true, [Symbol.asyncDispose]: async () => {} }
      }
    },
  }
}
