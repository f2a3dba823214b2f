import type { Connection, PeerId, Stream, Topology } from '@libp2p/interface'
import type { KnowsPeer } from './identify.ts'
import { bestConnection } from './paths/best-connection.ts'

/** libp2p's registrar, as far as services use it. */
interface Registrar {
  handle(
    protocol: string,
    handler: (stream: Stream, connection: Connection) => unknown,
    options?: object,
  ): Promise<void>
  register(protocol: string, topology: Topology, options?: object): Promise<string>
}

export interface MemberRegistrarInit {
  isMember: KnowsPeer
  /** connections to a peer that are open */
  connectionsOf(peer: PeerId): readonly Connection[]
  /** Looks at a stream before the service does; false when the service is not to have it. */
  admit(stream: Stream, connection: Connection): boolean
}

/** What a service sees instead of the registrar. */
export interface MemberRegistrar<R> {
  readonly registrar: R
  /** Introduces peers that have become members since they connected. */
  membersChanged(): void
}

/** Lets a service know of members only, and have only those streams that were looked at. */
export function createMemberRegistrar<R extends Registrar>(
  registrar: R,
  { isMember, connectionsOf, admit }: MemberRegistrarInit,
): MemberRegistrar<R> {
  /** strangers, and to whom they would be introduced */
  const waiting = new Set<{ peer: PeerId; connection: Connection; topology: Topology }>()

  /** libp2p says no more of a peer whose other connection stays: what the service had on this one is gone. */
  function introduce(peer: PeerId, connection: Connection, topology: Topology): void | Promise<void> {
    connection.addEventListener('close', () => {
      const other = bestConnection(connectionsOf(peer))
      if (other !== undefined && isMember(peer.toString())) topology.onConnect?.(peer, other)
    })
    return topology.onConnect?.(peer, connection)
  }

  const forMembers = (topology: Topology): Topology => ({
    ...topology,
    onConnect(peer, connection) {
      if (isMember(peer.toString())) return introduce(peer, connection, topology)
      const stranger = { peer, connection, topology }
      waiting.add(stranger)
      connection.addEventListener('close', () => waiting.delete(stranger))
    },
  })

  const own: Registrar = {
    handle: (protocol, handler, options) =>
      registrar.handle(
        protocol,
        (stream, connection) => (admit(stream, connection) ? handler(stream, connection) : undefined),
        options,
      ),
    register: (protocol, topology, options) => registrar.register(protocol, forMembers(topology), options),
  }
  return {
    registrar: withOverrides(registrar, own as Partial<R>),
    membersChanged() {
      for (const stranger of waiting) {
        const { peer, connection, topology } = stranger
        if (isMember(peer.toString()) && waiting.delete(stranger)) introduce(peer, connection, topology)
      }
    },
  }
}

/** The same object with some of its properties replaced. libp2p's components cannot be copied: they are looked up. */
export function withOverrides<T extends object>(of: T, overrides: Partial<T>): T {
  return new Proxy(of, {
    get(target, name) {
      if (name in overrides) return overrides[name as keyof T]
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
