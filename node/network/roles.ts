/** What a process does in the network. */
export type NetworkRole = 'storage' | 'gateway' | 'client' | 'relay'

export interface RoleTraits {
  /** accepts connections */
  listens: boolean
  /** takes part in gossip and the DHT */
  meshes: boolean
  /** passes on what others send each other */
  relays: boolean
  /** lives for one command: starting fast counts for more than speed later on */
  shortLived: boolean
}

export function roleTraits(roles: readonly NetworkRole[]): RoleTraits {
  const storage = roles.includes('storage')
  const relays = roles.includes('relay')
  const stays = storage || relays
  return { listens: stays, meshes: storage, relays, shortLived: !stays && !roles.includes('gateway') }
}
