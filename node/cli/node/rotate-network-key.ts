import type { NodeOperator } from '../../../chain/types/index.ts'
import { loadNodeKeys } from '../../keys.ts'
import { askForNetworkKey, ControlError } from '../../storage/home/control.ts'
import type { AnnouncedKey } from '../../storage/presence/network-keys.ts'
import { chainFailure } from '../chain-failure.ts'
import type { Context } from '../context.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { formatRows, lines, safe, shellWord } from '../text.ts'
import { type OwnNode, ownNode } from './own-node.ts'
import type { RotateKeyOptions } from './rotate-key.ts'

/** libp2p, HTTP, metrics and WebSockets have four ports in a row. */
const PORT_BESIDE = 4

/**
 * Has the running node make its next network key and listen by it, and then tells the chain of it and of where the node is
 * reached by either. The node goes over to it by itself. What was done before stays as it is: cut short, it is to be run again.
 */
export async function rotateNetworkKey(context: Context, options: RotateKeyOptions): Promise<ExitCode> {
  const { cwd, parts, output, signal } = context
  const own = await ownNode(cwd, options)
  const keys = await loadNodeKeys(own.folder.keys, false)
  const coordinator = await parts.coordinate(own.network)
  try {
    const operator = coordinator.operator(keys.wallet)
    const capability = await operator.capability({ signal })
    if (capability === undefined) {
      throw new CliError('NODE_UNKNOWN', EXIT.notFound, `${own.config.name} is not registered yet.`, {
        hint: '`floe node register` registers it with the key that it has.',
      })
    }
    const { nodeId } = capability
    const key = await preparedKey(context, own, options)
    const record = await coordinator.nodeKeys(nodeId, { signal })
    const isKnown =
      record !== undefined && Buffer.compare(record.networkPublicKey, key.networkPublicKey) === 0
    if (!isKnown) await announce(operator, key, signal)
    // it looks at once
    const { since } = await preparedKey(context, own, options)
    const publicKey = Buffer.from(key.networkPublicKey).toString('hex')
    const told = { name: own.config.name, nodeId, key: 'network', publicKey, peerId: key.peerId }
    await output.result(
      { ...told, multiaddrs: key.multiaddrs, since, announced: isKnown ? 'before' : 'now' },
      lines([
        safe`${own.config.name} has a new network key${isKnown ? ', which was announced before' : ', which is announced'}`,
        formatRows([
          ['peer', key.peerId],
          ...key.multiaddrs.map(address => ['reached at', address] as const),
          ...(since === undefined ? [] : [['old key', `listens until epoch ${since + 2}`] as const]),
        ]),
        safe`\nKeep a copy of ${own.folder.keys} elsewhere. The node needs no restart; it keeps both keys for an epoch.`,
      ]),
    )
  } catch (error) {
    throw chainFailure(error)
  } finally {
    await coordinator.close()
  }
  return EXIT.ok
}

/** Where it is first: by its new key nobody finds it elsewhere. */
async function announce(operator: NodeOperator, key: AnnouncedKey, signal: AbortSignal): Promise<void> {
  if (key.multiaddrs.length > 0) await operator.setMultiaddrs([...key.multiaddrs], { signal })
  await operator.setNetworkPublicKey(key.networkPublicKey, { signal })
}

/** Throws CliError: NODE_SILENT when no node runs there, NODE_FAILED when it cannot listen by the key. */
async function preparedKey(
  { clock, signal }: Context,
  { folder, config }: OwnNode,
  { dir, port = portBeside(config.listen) }: RotateKeyOptions,
): Promise<AnnouncedKey> {
  const key = await askForNetworkKey(folder.dir, port, { clock, signal }).catch((error: unknown) => {
    if (!(error instanceof ControlError)) throw error
    throw new CliError('NODE_FAILED', EXIT.unavailable, `${error.message}.`, {
      hint: `By its new key the node listens at port ${port} until the old one goes: --port names another.`,
      details: error.details,
      cause: error,
    })
  })
  if (key !== undefined) return key
  throw new CliError('NODE_SILENT', EXIT.unavailable, `No node runs in ${dir} that could be asked.`, {
    hint: `It must listen by its new key before others hear of it: \`floe node run --dir ${shellWord(dir)}\`, then this again.`,
  })
}

function portBeside(listen: readonly string[]): number {
  const [, port] = /\/tcp\/(\d+)/.exec(listen.join()) ?? []
  // one that listens nowhere needs none
  return Number(port ?? 1) + PORT_BESIDE
}
