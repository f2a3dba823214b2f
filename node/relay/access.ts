import { BlockList, isIP } from 'node:net'
import type { Connection } from '@libp2p/interface'
import { CodedError } from '../../base/coded-error.ts'

/** Who may use a relay: PeerIds, IP addresses and networks (`10.0.0.0/8`). */
export interface AccessLists {
  /** when it names anybody, these and the members only */
  allow: readonly string[]
  /** never, members included */
  deny: readonly string[]
}

/** ACCESS_ENTRY: what stands in a list is no PeerId, IP address or network. */
export class AccessError extends CodedError<{ ACCESS_ENTRY: { entry: string } }> {
  override readonly name = 'AccessError'
}

/** Whether a peer with that IP address may use the relay. */
export type Access = (peer: string, ip: string | undefined, isMember: boolean) => boolean

/** Who is at the other end of a connection. */
export type Guest = Pick<Connection, 'remotePeer' | 'remoteAddr'>

/** Whether the peer at the other end may use the relay; never over another one: whose bytes, and whose address, would these be? */
export function mayUse(
  access: Access,
  { remotePeer, remoteAddr }: Guest,
  isMember: (peer: string) => boolean,
): boolean {
  const parts = remoteAddr.getComponents()
  if (parts.some(({ name }) => name === 'p2p-circuit')) return false
  const ip = parts.find(({ name }) => name === 'ip4' || name === 'ip6')?.value
  const peer = remotePeer.toString()
  return access(peer, ip, isMember(peer))
}

/** Throws AccessError. */
export function createAccess({ allow, deny }: AccessLists): Access {
  const allowed = listOf(allow)
  const denied = listOf(deny)
  return (peer, ip, isMember) => {
    if (denied(peer, ip)) return false
    return allow.length === 0 || isMember || allowed(peer, ip)
  }
}

const PEER_ID = /^(12D3KooW|16Uiu2HA|Qm)[1-9A-HJ-NP-Za-km-z]{40,60}$/

function listOf(entries: readonly string[]): (peer: string, ip: string | undefined) => boolean {
  const peers = new Set<string>()
  const networks = new BlockList()
  for (const entry of entries) {
    if (PEER_ID.test(entry)) peers.add(entry)
    else if (!addNetwork(networks, entry)) {
      throw new AccessError('ACCESS_ENTRY', `"${entry}" is no PeerId, IP address or network`, { entry })
    }
  }
  return (peer, ip) => {
    if (peers.has(peer)) return true
    const version = ip === undefined ? 0 : isIP(ip)
    return version !== 0 && networks.check(ip!, version === 4 ? 'ipv4' : 'ipv6')
  }
}

function addNetwork(networks: BlockList, entry: string): boolean {
  const [ip = '', bits, more] = entry.split('/')
  const version = isIP(ip)
  const longest = version === 4 ? 32 : 128
  if (version === 0 || more !== undefined) return false
  if (bits !== undefined && !(/^\d{1,3}$/.test(bits) && Number(bits) <= longest)) return false
  networks.addSubnet(ip, bits === undefined ? longest : Number(bits), version === 4 ? 'ipv4' : 'ipv6')
  return true
}
