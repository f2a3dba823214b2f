import assert from 'node:assert/strict'
import { createCoordinator } from '../../../chain/index.ts'
import { createClient } from '../../../node/client/index.ts'
import type { Devnet } from '../../../node/devnet/devnet.ts'
import type { EpochControl } from './epochs.ts'
import { withWriterHooks } from './writer-hooks.ts'

/** Stores while shards move to node 0 from the others, from the given moment on. */
export async function storeAcross(
  devnet: Devnet,
  epochs: EpochControl,
  moment: 'register' | 'certify',
  data: Uint8Array,
) {
  await epochs.stake(0, 2_000n)
  await epochs.select()
  let began: Promise<unknown> | undefined
  const change = async () => {
    began ??= epochs.begin()
    await began
  }
  await using coordinator = createCoordinator(devnet.network)
  const hooks = moment === 'register' ? { registered: change } : { certifying: change }
  const hooked = withWriterHooks(coordinator, hooks)
  await using client = await createClient(devnet.network, { wallet: devnet.user, coordinator: hooked })
  const result = await client.store(data, { epochs: 5, deletable: true })
  assert.ok(began !== undefined && result.kind === 'newlyCreated')
  return result
}
