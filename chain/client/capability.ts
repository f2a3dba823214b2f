import { ChainError } from '../errors.ts'
import type { CallOptions, NodeCapability, NodeOperator, Wallet } from '../types/index.ts'

/** The capability of the wallet's node. Throws NOT_FOUND when it has registered none. */
export async function needCapability(
  operator: Pick<NodeOperator, 'capability'>,
  { address }: Pick<Wallet, 'address'>,
  options: CallOptions | undefined,
): Promise<NodeCapability> {
  const capability = await operator.capability(options)
  if (capability !== undefined) return capability
  throw new ChainError('NOT_FOUND', `${address} has no StorageNodeCap`, { objectId: address })
}
