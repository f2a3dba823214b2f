import { bcs } from '@mysten/sui/bcs'
import type { SuiClientTypes } from '@mysten/sui/client'
import type { SuiGrpcClient } from '@mysten/sui/grpc'
import { deriveDynamicFieldID } from '@mysten/sui/utils'
import { defined } from '../../base/defined.ts'
import { parseObjectId } from '../../codec/index.ts'
import type { Epoch, ObjectId } from '../../codec/types.ts'
import { compressG1 } from '../bindings/g1.ts'
import { decodeMove } from '../bindings/move.ts'
import { ExtendedFieldKey, NodeMetadataField, StakingPool } from '../bindings/staking.ts'
import type { NodeRecord, RegisteredKeys } from '../types/index.ts'
import type { NodeMetadata } from './calls.ts'
import { fetchObjects } from './objects.ts'
import type { ChainState } from './state.ts'

/** Name of the extra field of a node's metadata that lists its multiaddrs, one per line, comma or space. */
export const MULTIADDRS_FIELD = 'multiaddrs'

const PAGE_SIZE = 50

type Pool = ReturnType<typeof StakingPool.parse>

/** The staking pools of these nodes; a pool is an object whose ID is the node's. Those that do not exist are left out. */
export async function readPools(client: SuiGrpcClient, nodeIds: readonly ObjectId[]): Promise<Pool[]> {
  const objects = await fetchObjects(client, nodeIds)
  return objects.flatMap(object => (object ? [decodeMove(StakingPool, object.content)] : []))
}

/** Where the value of an `ExtendedField` is. */
export function extendedFieldId(id: string, originalPackageId: ObjectId): string {
  const key = ExtendedFieldKey.serialize({ dummy_field: false }).toBytes()
  return deriveDynamicFieldID(id, `${originalPackageId}::extended_field::Key`, key)
}

/** Metadata in the order of the pools: a dynamic field of each. */
export async function readMetadata(
  client: SuiGrpcClient,
  originalPackageId: ObjectId,
  pools: readonly Pool[],
): Promise<NodeMetadata[]> {
  const ids = pools.map(({ node_info: { metadata } }) => extendedFieldId(metadata.id, originalPackageId))
  const fields = await fetchObjects(client, ids)
  return fields.map(field => {
    if (!field) return { imageUrl: '', projectUrl: '', description: '', extra: {} }
    const { image_url, project_url, description, extra_fields } = decodeMove(
      NodeMetadataField,
      field.content,
    ).value
    const extra = Object.fromEntries(extra_fields.contents.map(({ key, value }) => [key, value]))
    return { imageUrl: image_url, projectUrl: project_url, description, extra }
  })
}

/** Anyone may write anything into their own node's metadata, so what is no multiaddr is left out. */
export function multiaddrsOf({ extra }: NodeMetadata): string[] {
  const text = Object.hasOwn(extra, MULTIADDRS_FIELD) ? extra[MULTIADDRS_FIELD]! : ''
  return text.split(/[\s,]+/).filter(part => part.startsWith('/'))
}

/** Metadata with these multiaddrs; the rest is kept, or empty. */
export function metadataWith(multiaddrs: readonly string[], kept?: NodeMetadata): NodeMetadata {
  const { [MULTIADDRS_FIELD]: _, ...extra } = kept?.extra ?? {}
  return {
    ...(kept ?? { imageUrl: '', projectUrl: '', description: '' }),
    extra: multiaddrs.length > 0 ? { ...extra, [MULTIADDRS_FIELD]: multiaddrs.join(' ') } : extra,
  }
}

/** The keys in a node's pool. */
export async function readNodeKeys(
  client: SuiGrpcClient,
  nodeId: ObjectId,
): Promise<RegisteredKeys | undefined> {
  const [pool] = await readPools(client, [nodeId])
  if (pool === undefined) return undefined
  const { public_key, next_epoch_public_key: next, network_public_key } = pool.node_info
  return defined({
    blsPublicKey: compressG1(Uint8Array.from(public_key.bytes)),
    nextBlsPublicKey: next === null ? undefined : compressG1(Uint8Array.from(next.bytes)),
    networkPublicKey: Uint8Array.from(network_public_key),
  })
}

/** Every node that has registered: the entries of the table of pools. */
export async function readNodes(client: SuiGrpcClient, { staking }: ChainState): Promise<NodeRecord[]> {
  const ids: ObjectId[] = []
  let cursor: string | null = null
  do {
    const page: SuiClientTypes.ListDynamicFieldsResponse = await client.core.listDynamicFields({
      parentId: staking.pools.id,
      cursor,
      limit: PAGE_SIZE,
    })
    for (const { name } of page.dynamicFields) ids.push(parseObjectId(decodeMove(bcs.Address, name.bcs)))
    cursor = page.hasNextPage ? page.cursor : null
  } while (cursor !== null)
  return (await readPools(client, ids.sort())).map(pool => ({
    nodeId: parseObjectId(pool.id),
    name: pool.node_info.name,
    networkAddress: pool.node_info.network_address,
    networkPublicKey: Uint8Array.from(pool.node_info.network_public_key),
    operator: authorizedId(pool.governance_authorized),
    activationEpoch: pool.activation_epoch as Epoch,
    stakedFrost: BigInt(pool.wal_balance),
    commissionRate: pool.commission_rate,
    storagePriceFrost: BigInt(pool.voting_params.storage_price),
    writePriceFrost: BigInt(pool.voting_params.write_price),
    nodeCapacityBytes: BigInt(pool.voting_params.node_capacity),
  }))
}

function authorizedId(authorized: Pool['governance_authorized']): ObjectId {
  return parseObjectId(authorized.Address ?? authorized.ObjectID)
}
