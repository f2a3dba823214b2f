import type { GrpcTypes } from '@mysten/sui/grpc'
import type { Owner } from '../../ledger/object.ts'

export const timestamp = (ms: bigint): { seconds: bigint; nanos: number } => ({
  seconds: ms / 1000n,
  nanos: Number(ms % 1000n) * 1_000_000,
})

export const bcsMessage = (name: string, value: Uint8Array): GrpcTypes.Bcs => ({ name, value })

const KINDS = { address: 1, object: 2, shared: 3, immutable: 4, consensus: 5 } as const satisfies Record<
  Owner['kind'],
  GrpcTypes.Owner_OwnerKind
>

export function ownerMessage(owner: Owner): GrpcTypes.Owner {
  const kind = KINDS[owner.kind]
  switch (owner.kind) {
    case 'immutable':
      return { kind }
    case 'shared':
      return { kind, version: owner.initialVersion }
    case 'consensus':
      return { kind, address: owner.address, version: owner.startVersion }
    default:
      return { kind, address: owner.address }
  }
}
