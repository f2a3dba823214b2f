import { loadNodeKeys, makeNextBlsKey } from '../../keys.ts'
import { chainFailure } from '../chain-failure.ts'
import type { Context } from '../context.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { formatRows, lines, safe } from '../text.ts'
import { ownNode } from './own-node.ts'
import { rotateNetworkKey } from './rotate-network-key.ts'

export interface RotateKeyOptions {
  dir: string
  network?: string
  /** at which the node listens by its next network key until the old one goes */
  port?: number
}

/** Replaces one of the node's keys; what was announced stays as it is. */
export async function rotateKey(
  context: Context,
  which: 'bls' | 'network',
  options: RotateKeyOptions,
): Promise<ExitCode> {
  return which === 'bls' ? await rotateBlsKey(context, options) : await rotateNetworkKey(context, options)
}

/**
 * Makes the node's next BLS key and announces it: from the next epoch for which a committee is selected on, others verify by
 * it, and the node signs with it by itself.
 */
async function rotateBlsKey(context: Context, options: RotateKeyOptions): Promise<ExitCode> {
  const { cwd, parts, output, signal } = context
  const { config, folder, network } = await ownNode(cwd, options)
  const keys = await loadNodeKeys(folder.keys, false)
  const { loadBls } = await import('../../../codec/node.ts')
  const bls = await loadBls()
  const coordinator = await parts.coordinate(network)
  try {
    const operator = coordinator.operator(keys.wallet)
    const capability = await operator.capability({ signal })
    if (capability === undefined) {
      throw new CliError('NODE_UNKNOWN', EXIT.notFound, `${config.name} is not registered yet.`, {
        hint: '`floe node register` registers it with the key that it has.',
      })
    }
    // before it is announced: a key that was lost afterwards would make the node mute
    const secret = await makeNextBlsKey(folder.keys, bls)
    const blsPublicKey = bls.publicKey(secret)
    const record = await coordinator.nodeKeys(capability.nodeId, { signal })
    const isKnown = [record?.nextBlsPublicKey, record?.blsPublicKey].some(
      known => known !== undefined && Buffer.compare(known, blsPublicKey) === 0,
    )
    if (!isKnown) {
      const sign = (message: Uint8Array): Uint8Array => bls.sign(secret, message)
      await operator.setNextPublicKey({ blsPublicKey, sign }, { signal })
    }
    const publicKey = Buffer.from(blsPublicKey).toString('hex')
    await output.result(
      {
        name: config.name,
        nodeId: capability.nodeId,
        key: 'bls',
        publicKey,
        announced: isKnown ? 'before' : 'now',
      },
      lines([
        safe`${config.name} has a new BLS key${isKnown ? ', which was announced before' : ', which is announced'}`,
        formatRows([
          ['public key', publicKey],
          ['signs', 'from the next epoch on for which a committee is selected'],
        ]),
        safe`\nKeep a copy of ${folder.keys} elsewhere. The node needs no restart; it keeps both keys for an epoch.`,
      ]),
    )
  } catch (error) {
    throw chainFailure(error)
  } finally {
    await coordinator.close()
  }
  return EXIT.ok
}
