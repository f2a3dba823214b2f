import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** A running network, as an attacker finds it. Plain data: attackers are another process. */
export interface Target {
  /** system object ID */
  network: string
  nodes: { peerId: string; multiaddrs: string[]; http?: string }[]
  /** multiaddr */
  relay: string
  gatewayUrl: string
  /** with the limits that all have, and a private node behind it, by its PeerId */
  boundedRelay: { address: string; webRtc: string; httpUrl: string; stunPort: number; peerId: string }
  /** of the embedded Sui */
  rpcUrl: string
  faucetUrl?: string
  /** a blob that is stored and certified */
  blobId: string
  /** a blob that is registered, and of which nothing is stored; `hashes` in base64 */
  registered: { blobId: string; unencodedLength: number; hashes: string }
}

export interface AttackContext {
  target: Target
  /** the loopback address to attack from: not that of honest clients, so that the network can tell them apart */
  from: string
  /** Ends the attack. */
  signal: AbortSignal
}

/** Users of the relay beside the network: who calls over it, and a page that comes there by WebRTC. */
export type Beside = 'relay' | 'page'

/** How often what was tried. */
export type Counts = Record<string, number>

/**
 * One file in `attacks/`, which exports it as `attack`: tests and the command find it there by its name. It goes on until
 * the signal, closes what it opened, and never throws for what the network does to it.
 */
export interface Attack {
  /** one line, for the list */
  about: string
  /** honest requests of those beside the network, of which each takes time, that are asked as well */
  asks?: readonly Beside[]
  /** what must be counted while it runs, as `where.reason` of `floe_refused_total`; one of them is enough */
  refused?: readonly string[]
  run(context: AttackContext): Promise<Counts>
}

const FOLDER = join(import.meta.dirname, 'attacks')

export function attackNames(): string[] {
  return readdirSync(FOLDER)
    .filter(file => file.endsWith('.ts'))
    .map(file => file.slice(0, -'.ts'.length))
    .sort()
}

/** Throws when there is none of that name. */
export async function loadAttack(name: string): Promise<Attack> {
  if (!attackNames().includes(name)) throw new Error(`no attack ${name}: ${attackNames().join(', ')}`)
  const { attack } = (await import(join(FOLDER, `${name}.ts`))) as { attack: Attack }
  return attack
}
