import type { SubscriptionChangeData } from '@libp2p/gossipsub'
import type { Libp2p } from '@libp2p/interface'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import type { Timer } from '../../../base/timers.ts'
import type { ObjectId } from '../../../codec/types.ts'
import {
  type AddressTopic,
  addressTopic,
  createAddressTopic,
  type ProtocolMetrics,
} from '../../../protocols/index.ts'
import type { KnowsPeer } from '../identify.ts'
import type { NetworkNode } from '../libp2p.ts'
import { networkKeyFromSeed } from '../peer-id.ts'
import { announced, type ReachedAddress } from '../reach/announced.ts'
import type { AddressBook, Learned } from './book.ts'
import { createOwnRecord } from './own-record.ts'
import type { AddressFiles } from './storage.ts'

export interface AddressPublisherInit {
  /** 32-byte seed of the network key */
  networkSeed: Uint8Array
  /** where others have reached this node beside its own addresses */
  reached(): readonly ReachedAddress[]
  book: AddressBook
  files: Pick<AddressFiles, 'sequence' | 'setSequence'>
  libp2p: Pick<NetworkNode, 'getMultiaddrs' | 'services'> &
    Pick<Libp2p, 'addEventListener' | 'removeEventListener'>
  network: ObjectId
  isMember: KnowsPeer
  isPrivate: boolean
  metrics: ProtocolMetrics
  clock: Clock
  log: Log
}

/** Tells the members by gossip where this one is, and hears where they are. */
export interface AddressPublisher {
  /** Hears and tells from now on; tells once there are neighbours. */
  listen(): void
  /** `reached` has changed. */
  moved(): void
  stop(): Promise<void>
}

export async function createAddressPublisher(init: AddressPublisherInit): Promise<AddressPublisher> {
  const { book, files, libp2p, network, isMember, isPrivate, metrics, clock, log } = init
  const { pubsub } = libp2p.services
  const topic: AddressTopic | undefined =
    pubsub &&
    createAddressTopic(
      { pubsub, metrics, clock },
      {
        network,
        isMember,
        heard: async (record, publisher) => verdictOf(await book.learn(record, new Set([publisher]))),
      },
    )

  const own = createOwnRecord({
    privateKey: await networkKeyFromSeed(init.networkSeed),
    addresses: () => announced(libp2p.getMultiaddrs(), init.reached()),
    isPrivate,
    sequence: { get: files.sequence, set: files.setSequence },
    async publish(record) {
      await book.learn(record.bytes)
      await topic?.publish(record.bytes)
    },
    clock,
    log,
  })

  const begin = createBeginning(clock, own.start)
  const onSubscription = ({ detail }: CustomEvent<SubscriptionChangeData>): void => {
    const isOurs = detail.subscriptions.some(one => one.subscribe && one.topic === addressTopic(network))
    if (!isOurs) return
    begin.neighbourCame()
    own.again()
  }

  return {
    listen() {
      topic?.start()
      pubsub?.addEventListener('subscription-change', onSubscription)
      libp2p.addEventListener('self:peer:update', own.changed)
    },
    moved: own.changed,
    async stop() {
      pubsub?.removeEventListener('subscription-change', onSubscription)
      libp2p.removeEventListener('self:peer:update', own.changed)
      topic?.stop()
      begin.stop()
      await own.stop()
    },
  }
}

/** The first neighbour is soon followed by others; those who come later ask for what they have missed. */
const NEIGHBOURS_MS = 200

/** Starts once, a moment after the first neighbour has come. */
function createBeginning(clock: Clock, start: () => void): { neighbourCame(): void; stop(): void } {
  let timer: Timer | undefined
  return {
    neighbourCame() {
      timer ??= clock.after(NEIGHBOURS_MS, start, { background: true })
    },
    stop: () => timer?.stop(),
  }
}

/** A record that is refused should not have been passed on, but for what only looks wrong by the forwarder's clock. */
function verdictOf(learned: Learned): 'accept' | 'ignore' | 'reject' {
  if (learned === 'new') return 'accept'
  if (learned === 'old') return 'ignore'
  return ['future', 'expired', 'full'].includes(learned.refused) ? 'ignore' : 'reject'
}
