import type { Clock } from '../../base/clock.ts'
import { createCloseStack } from '../../base/close-stack.ts'
import type { Log } from '../../base/log.ts'
import { createNetworkNode } from '../network/libp2p.ts'
import type { TlsCertificate } from '../network/web-socket/listening.ts'
import type { Refusals } from '../refusals.ts'
import { type DirectoryParts, openDirectory } from './directory.ts'
import { createRelay, type Relay, type RelayInit } from './relay.ts'

export interface StartRelayInit
  extends Pick<RelayInit, 'isMember' | 'mayBeMember' | 'settings' | 'kept' | 'stunPort' | 'rssBytes'> {
  /** 32-byte Ed25519 seed of its identity */
  seed: Uint8Array
  /** multiaddrs */
  listen: readonly string[]
  /** of those with `/tls/ws` */
  tls?: TlsCertificate | undefined
  /** by which others reach it; those that it listens on when absent */
  announce?: readonly string[] | undefined
  /** whether its network's nodes may be in private addresses; so when absent, as of no network */
  isPrivate?: boolean
  refusals?: Refusals
  log: Log
  clock: Clock
  random: () => number
}

/** A relay that runs. */
export interface RunningRelay extends Pick<Relay, 'view' | 'configure' | 'proxied'> {
  readonly peerId: string
  /** with its PeerId */
  readonly multiaddrs: string[]
  /** From here on it tells whoever asks where members are, and whether others can dial the one who asks. */
  tell(directory: DirectoryParts): Promise<void>
  /** Ends its circuits and connections. Idempotent; never rejects. */
  close(): Promise<void>
}

/** Starts a relay with a libp2p of its own. Rejects with libp2p's error when it cannot listen. */
export async function startRelay(init: StartRelayInit): Promise<RunningRelay> {
  const {
    seed,
    listen,
    tls,
    announce,
    isMember = () => false,
    isPrivate = true,
    refusals,
    log,
    clock,
    random,
  } = init
  const opened = createCloseStack(log)
  try {
    const libp2p = await createNetworkNode({
      privateKey: seed,
      listen,
      tls,
      announce: announce ?? [],
      roles: ['relay'],
      isKnown: isMember,
      isPrivate,
      refusals,
      log,
      clock,
      random,
    })
    opened.push(async () => libp2p.stop())
    const relay = createRelay({
      ...init,
      libp2p,
      refused: reason => refusals?.refused('relay', reason),
    })
    await relay.start()
    opened.push(() => relay.stop())
    return {
      peerId: libp2p.peerId.toString(),
      multiaddrs: libp2p.getMultiaddrs().map(String),
      view: relay.view,
      configure: relay.configure,
      proxied: relay.proxied,
      async tell(directory) {
        const { admits } = relay
        opened.push(
          await openDirectory(directory, { libp2p, isMember, admits, refusals, log, clock, random }),
        )
      },
      close: opened.closeAll,
    }
  } catch (error) {
    await opened.closeAll()
    throw error
  }
}
