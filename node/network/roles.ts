/** What a process does in the network; DESIGN's roles as far as libp2p is concerned. */
export type NetworkRole = 'storage' | 'gateway' | 'client'

export interface RoleTraits {
  /** accepts connections */
  listens: boolean
  /** takes part in gossip and the DHT */
  meshes: boolean
  /** lives for one command: starting fast counts for more than speed later on */
  shortLived: boolean
}

export function roleTraits(roles: readonly NetworkRole[]): RoleTraits {
  const storage = roles.includes('storage')
  return { listens: storage, meshes: storage, shortLived: !storage && !roles.includes('gateway') }
}
