import type { PeerAddress } from '../../protocols/index.ts'

/** Known over relays alone; a private node has no addresses on chain. */
export const isRelayed = ({ multiaddrs }: PeerAddress): boolean =>
  multiaddrs.every(address => address.includes('/p2p-circuit'))
