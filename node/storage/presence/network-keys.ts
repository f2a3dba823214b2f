import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeAtomically } from '../../../base/atomic-file.ts'
import type { Log } from '../../../base/log.ts'
import type { ChainReader, NodeOperator } from '../../../chain/types/index.ts'
import type { Epoch, ObjectId } from '../../../codec/types.ts'
import {
  dropOldKey,
  makeNextNetworkKey,
  promoteNextKey,
  readNetworkSeed,
  readRotatedKeys,
} from '../../keys.ts'
import { CIRCUIT_LISTEN } from '../../network/circuit/transport.ts'
import type { CommitteeTracker } from '../../network/committees.ts'
import { networkPublicKeyFromSeed, peerIdTextOf } from '../../network/peer-id.ts'
import { withCerthash } from '../../network/web-rtc/certificate.ts'
import { isMissing } from '../store/pack-file.ts'
import { onPort } from './on-port.ts'
import type { PresencePlace } from './presence.ts'

export interface NetworkKeysInit {
  nodeId: ObjectId
  chain: Pick<ChainReader, 'nodeKeys'>
  committees: Pick<CommitteeTracker, 'latest'>
  /** tells the chain where the node is when all is over; nobody does when absent */
  operator: Pick<NodeOperator, 'setMultiaddrs'> | undefined
  /** `folder`: where the next key and the one before are, if there are; nowhere when absent */
  keys: { networkSeed: Uint8Array; folder?: string }
  /** multiaddrs */
  listen: readonly string[]
  announce?: readonly string[] | undefined
  log: Log
}

/** A network key that others learn of from the chain, and where the node is to be reached by it. */
export interface AnnouncedKey {
  /** 33 bytes as the chain has them */
  networkPublicKey: Uint8Array
  /** the PeerId that follows from it */
  peerId: string
  /** multiaddrs of this key and of the one that it replaces; of neither when the node listens nowhere */
  multiaddrs: readonly string[]
  /** in which epoch the node went over to it; undefined before */
  since?: Epoch | undefined
}

/**
 * The keys by which a node is known to peers: while one is replaced, two. The next one listens at a port beside from when it is
 * made, before the chain tells of it. Once the chain does, it is the node's own, and the one before goes on listening until a
 * whole epoch has passed.
 */
export interface NetworkKeys {
  /** Under which keys the node is there, and where; by the first it asks others. */
  places(): readonly PresencePlace[]
  all(): readonly Uint8Array[]
  /** Whether one is being replaced. */
  isChanging(): boolean
  /** Makes the next key, to listen at the port; one that is there stays, and listens there. */
  prepare(port: number): Promise<AnnouncedKey>
  /** Looks which keys there are, and which of them the chain has: whenever epochs turn, and while one is replaced. Throws ChainError. */
  settle(): Promise<void>
  /** What is left to do once the node is where `places` says. Throws ChainError. */
  finish(): Promise<void>
}

/** What is noted beside the keys while the network key is replaced. */
interface RotationNote {
  /** at which the new key listens while the old one has the place of its own */
  port: number
  /** in which epoch the node went over to it */
  since?: Epoch
}

/** As BLS keys: an epoch that began with both is over then. */
const KEPT_EPOCHS = 2

export async function openNetworkKeys(init: NetworkKeysInit): Promise<NetworkKeys> {
  const { nodeId, chain, committees, operator, keys, listen, announce, log } = init
  const { folder } = keys
  let own = keys.networkSeed
  let next: Uint8Array | undefined
  let old: Uint8Array | undefined
  let note: RotationNote | undefined

  async function read(): Promise<void> {
    if (folder === undefined) return
    const rotated = await readRotatedKeys(folder, 'network')
    note = await readNote(folder)
    own = await readNetworkSeed(folder)
    next = rotated.next
    old = rotated.old
  }
  const epoch = (): Epoch | undefined => committees.latest()?.epoch
  const home = (seed: Uint8Array): PresencePlace => ({ seed, listen, announce })
  const aside = (seed: Uint8Array, { port }: RotationNote): PresencePlace => beside(home(seed), port)

  async function goOver(): Promise<void> {
    const record = await chain.nodeKeys(nodeId)
    const announced = await networkPublicKeyFromSeed(next!)
    if (record === undefined || Buffer.compare(record.networkPublicKey, announced) !== 0) return
    // first: when the old key may go follows from it
    if (note !== undefined) await writeNote(folder!, { since: epoch()!, ...note })
    await promoteNextKey(folder!, 'network')
    await read()
    log.info({ epoch: note?.since }, 'the node has its new network key')
  }

  await read()
  return {
    places() {
      if (note === undefined) return [home(own)]
      if (next !== undefined) return [home(own), aside(next, note)]
      return old === undefined ? [home(own)] : [aside(own, note), home(old)]
    },
    all: () => [own, next, old].filter(seed => seed !== undefined),
    isChanging: () => next !== undefined || old !== undefined || note !== undefined,
    async prepare(port) {
      await read()
      if (folder !== undefined && old === undefined) {
        await writeNote(folder, { port })
        next = await makeNextNetworkKey(folder)
        note = { port }
      }
      const seed = next ?? own
      const both = note === undefined || listen.length === 0 ? [] : [home(own), aside(seed, note)]
      const multiaddrs = both.flatMap(addressesOf)
      const networkPublicKey = await networkPublicKeyFromSeed(seed)
      const since = next === undefined ? note?.since : undefined
      return { networkPublicKey, peerId: peerIdTextOf(networkPublicKey)!, multiaddrs, since }
    },
    async settle() {
      if (folder === undefined) return
      await read()
      if (next !== undefined) return await goOver()
      const now = epoch()
      if (old === undefined || now === undefined) return
      if (note?.since !== undefined && now < note.since + KEPT_EPOCHS) return
      await dropOldKey(folder, 'network')
      old = undefined
    },
    async finish() {
      if (note === undefined || next !== undefined || old !== undefined) return
      const wasReplaced = note.since !== undefined
      const multiaddrs = [...addressesOf(home(own))]
      // a node that is called over relays alone has told of no address
      if (wasReplaced && multiaddrs.length > 0) await operator?.setMultiaddrs(multiaddrs)
      await dropNote(folder!)
      note = undefined
      if (wasReplaced) log.info({}, 'the old network key has gone')
    },
  }
}

const addressesOf = ({ seed, announce, listen }: PresencePlace): readonly string[] =>
  withCerthash(
    (announce ?? listen).filter(address => address !== CIRCUIT_LISTEN),
    seed,
  )

const beside = ({ seed, listen, announce }: PresencePlace, port: number): PresencePlace => ({
  seed,
  listen: onPort(listen, port),
  announce: announce && onPort(announce, port),
})

const pathIn = (folder: string): string => join(folder, 'network.rotation.json')

async function readNote(folder: string): Promise<RotationNote | undefined> {
  try {
    return JSON.parse(await readFile(pathIn(folder), 'utf8')) as RotationNote
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

const writeNote = (folder: string, note: RotationNote): Promise<void> =>
  writeAtomically(pathIn(folder), `${JSON.stringify(note)}\n`, 0o600)

const dropNote = (folder: string): Promise<void> => rm(pathIn(folder), { force: true })
