import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { Background } from '../../../base/background.ts'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { Notify } from '../../../base/notify.ts'
import { ADDRESS_RECORD } from '../../../protocols/index.ts'
import { type AddressRecord, mayBeTold, sealRecord } from './record.ts'

export interface OwnRecordInit {
  privateKey: PrivateKey
  /** multiaddrs by which this peer can be dialled now */
  addresses(): readonly string[]
  /** whether the network is in private addresses */
  isPrivate: boolean
  /** of the last record that was signed; kept before a record leaves, so that a clock that is set back a little makes no older one */
  sequence: { get(): Promise<number>; set(sequence: number): Promise<void> }
  /** A record has been signed, or is to be said again. */
  publish(record: AddressRecord): Promise<void>
  clock: Clock
  log: Log
}

/** Signs where this peer is, and says so when that has changed, and now and then. */
export interface OwnRecord {
  start(): void
  /** Addresses may have changed. */
  changed(): void
  /** Somebody has come who may not have heard it. */
  again(): void
  stop(): Promise<void>
}

/** between two times that it is said, however often addresses change and others come */
const LEAST_MS = 10_000
/** without a change: who missed it hears it then, long before it holds no longer */
const REPEAT_MS = 6 * 3_600_000

export function createOwnRecord(init: OwnRecordInit): OwnRecord {
  const { privateKey, clock, log, sequence } = init
  const background = new Background(run)
  const changes = new Notify()
  let isAsked = false

  async function run(signal: AbortSignal): Promise<void> {
    let said: AddressRecord | undefined
    let saidAt = Number.NEGATIVE_INFINITY
    while (!signal.aborted) {
      const own = told(init)
      const isNew = own.join() !== said?.multiaddrs.join() || clock.monotonic() - saidAt >= REPEAT_MS
      if (own.length > 0 && (isNew || isAsked)) {
        isAsked = false
        try {
          if (isNew || said === undefined) {
            said = await sign(own)
            saidAt = clock.monotonic()
          }
          await init.publish(said)
        } catch (err) {
          log.warn({ err }, 'the addresses of this node were not published')
          isAsked = true
          changes.notify()
        }
        await clock.sleep(LEAST_MS, signal).catch(() => undefined)
      }
      const again = clock.after(REPEAT_MS, () => changes.notify(), { background: true })
      await changes.wait(signal).catch(() => undefined)
      again.stop()
    }
  }

  async function sign(own: readonly string[]): Promise<AddressRecord> {
    const next = nextSequence(await sequence.get(), clock.now())
    await sequence.set(next)
    return await sealRecord(privateKey, own, next)
  }

  return {
    start: () => background.start(),
    changed: () => changes.notify(),
    again() {
      isAsked = true
      changes.notify()
    },
    stop: () => background.stop(),
  }
}

/**
 * Above the last one, whatever the clock says since; but not when that was so far ahead that nobody has taken it: a clock that was wrong
 * once would silence the node until its time has come.
 */
function nextSequence(last: number, now: number): number {
  return last > now + ADDRESS_RECORD.maxAheadMs ? now : Math.max(last + 1, now)
}

/** What of the addresses may be told, as many as a record takes, without the PeerId, which is in it already. */
function told({ privateKey, addresses, isPrivate }: OwnRecordInit): string[] {
  const own = peerIdFromPrivateKey(privateKey).toString()
  const fitting: string[] = []
  let bytes = 0
  for (const text of new Set(addresses().map(text => text.replace(`/p2p/${own}`, '')))) {
    const address = multiaddr(text)
    if (!mayBeTold(address, own, isPrivate)) continue
    bytes += address.bytes.length + ADDRESS_OVERHEAD_BYTES
    if (bytes > MAX_ADDRESS_BYTES || fitting.length === ADDRESS_RECORD.maxAddresses) break
    fitting.push(text)
  }
  return fitting
}

/** two tags and two lengths of protobuf */
const ADDRESS_OVERHEAD_BYTES = 6
/** key, PeerId, signature, sequence number and their tags take less than the rest */
const MAX_ADDRESS_BYTES = ADDRESS_RECORD.maxBytes - 256
