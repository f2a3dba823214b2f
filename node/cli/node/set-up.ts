import { join, resolve } from 'node:path'
import type {
  Candidate,
  FullCoordinator,
  NodeOperator,
  NodeRecord,
  SystemInfo,
} from '../../../chain/types/index.ts'
import type { ObjectId } from '../../../codec/types.ts'
import { findNetwork, type NodeConfig, parseHostPort } from '../../config.ts'
import { loadNodeKeys, type NodeKeys } from '../../keys.ts'
import { createNodeFolder, nodeFolder, readFolderConfig, withCerthash } from '../../storage/home/folder.ts'
import { networkOf } from '../../storage/home/run.ts'
import { readTls } from '../../tls-files.ts'
import { sizeArgument, walArgument } from '../arguments.ts'
import { chainFailure } from '../chain-failure.ts'
import type { Context } from '../context.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { loadNetwork } from '../network-file.ts'
import { formatRows, formatSui, formatWal, lines, type SafeText, safe, shellWord } from '../text.ts'
import { tlsFiles } from '../tls-files.ts'

export interface InitOptions {
  dir: string
  network?: string
  name: string
  host?: string
  port: number
  tlsCert?: string
  tlsKey?: string
  webrtc: boolean
}

/** Makes a storage node's folder: three keys and a config file with comments. */
export async function init(context: Context, options: InitOptions): Promise<ExitCode> {
  const { cwd, output } = context
  const { name, host, port, webrtc: webRtc } = options
  const named = tlsFiles(options)
  const tls = named && { cert: resolve(cwd, named.cert), key: resolve(cwd, named.key) }
  if (tls !== undefined) await readTls(tls, cwd)
  const dir = resolve(cwd, options.dir)
  if (host !== undefined && !isHost(host)) {
    throw new CliError('USAGE', EXIT.usage, `"${host}" is neither a DNS name nor an IP address.`)
  }
  const { network, networkFile } = await chosenNetwork(options.network, context)
  const { folder, keys } = await createNodeFolder({
    dir,
    name,
    network,
    networkFile,
    host,
    port,
    tls,
    webRtc,
  }).catch(error => {
    if (error?.code !== 'EEXIST') throw error
    throw new CliError('FILE_EXISTS', EXIT.usage, `There is a storage node in ${options.dir} already.`, {
      hint: `Go on with \`floe node register\`, or give the new one a folder of its own with --dir.`,
    })
  })
  const { address } = keys.wallet
  const folderName = shellWord(options.dir)
  await output.result(
    { dir, name, config: folder.config, keys: folder.keys, address, network: network.name },
    lines([
      safe`Made the storage node ${name} in ${options.dir}`,
      formatRows([
        ['config', folder.config],
        ['keys', folder.keys],
        ['wallet', address],
      ]),
      safe`\nKeep a copy of the keys elsewhere: nobody can give them back. Look through the config, then\n`,
      ...(network.faucet === undefined
        ? [safe`  send SUI (for gas) and WAL (to stake) to ${address}`]
        : [safe`  npx floe faucet ${address} ${networkFlag(networkFile)}`]),
      safe`  npx floe node register --dir ${folderName} --stake 1000`,
      safe`  npx floe node run --dir ${folderName}`,
    ]),
  )
  return EXIT.ok
}

const isHost = (text: string): boolean =>
  parseHostPort(`${text.includes(':') ? `[${text}]` : text}:1`) !== undefined

type NetworkFile = { path: string } | { name: string }

async function chosenNetwork(named: string | undefined, context: Context) {
  if (named === 'testnet' || named === 'mainnet') {
    return { network: await findNetwork(named, '.'), networkFile: { name: named } as NetworkFile }
  }
  const { path, network } = await loadNetwork({ network: named }, context)
  return { network, networkFile: { path } as NetworkFile }
}

const networkFlag = (file: NetworkFile): string => ('path' in file ? `--network ${shellWord(file.path)}` : '')

export interface RegisterOptions {
  dir: string
  network?: string
  stake?: string
  capacity: string
  /** of 10,000 */
  commission: number
}

/** Registers a storage node, tells the chain where it is, and stakes with it; whatever of that is so already is left alone. */
export async function register(context: Context, options: RegisterOptions): Promise<ExitCode> {
  const { cwd, parts, signal } = context
  const stakeFrost = options.stake === undefined ? 0n : walArgument(options.stake)
  const nodeCapacityBytes = sizeArgument(options.capacity)
  const dir = resolve(cwd, options.dir)
  const folder = nodeFolder(dir)
  const config = await readFolderConfig(folder)
  const network = await networkOf(config, {
    dir,
    networkFile: options.network === undefined ? undefined : resolve(cwd, options.network),
  })
  const keys = await loadNodeKeys(folder.keys, false)
  const coordinator = await parts.coordinate(network)
  try {
    const on: Registering = {
      coordinator,
      config,
      keys,
      dir: options.dir,
      signal,
      faucet: network.faucet !== undefined,
    }
    const done = await registerOn(on, { stakeFrost, nodeCapacityBytes, commissionRate: options.commission })
    await context.output.result(done, registeredText(on, done))
  } catch (error) {
    throw chainFailure(error)
  } finally {
    await coordinator.close()
  }
  return EXIT.ok
}

interface Registering {
  coordinator: FullCoordinator
  config: NodeConfig
  keys: NodeKeys
  /** as it was named */
  dir: string
  /** whether the network gives coins away */
  faucet: boolean
  signal: AbortSignal
}

interface Registered {
  nodeId: ObjectId
  name: string
  address: ObjectId
  /** just now, or before */
  registered: 'now' | 'before'
  /** what the chain was told of anew */
  updated: string[]
  /** the wallet's own, in FROST */
  stakeFrost: bigint
  /** just now, in FROST */
  stakedFrost: bigint
  /** from which epoch on it may have shards */
  fromEpoch?: number
  /** about what a shard takes now, in FROST */
  shardFrost: bigint
}

type Wanted = Pick<Candidate, 'nodeCapacityBytes' | 'commissionRate'> & { stakeFrost: bigint }

async function registerOn(on: Registering, wanted: Wanted): Promise<Registered> {
  const { coordinator, config, keys, signal } = on
  const { address } = keys.wallet
  const operator = coordinator.operator(keys.wallet)
  const [system, nodes, before, stakes] = await Promise.all([
    coordinator.system({ signal }),
    coordinator.nodes({ signal }),
    operator.capability({ signal }),
    coordinator.stakes(address, { signal }),
  ])
  const own = stakes.filter(({ nodeId, state }) => nodeId === before?.nodeId && state.kind === 'staked')
  const ownFrost = own.reduce((sum, { principalFrost }) => sum + principalFrost, 0n)
  const toStakeFrost = wanted.stakeFrost > ownFrost ? wanted.stakeFrost - ownFrost : 0n
  await expectFunds(on, toStakeFrost)
  const { nodeId } = before ?? (await operator.register(await candidateOf(on, system, wanted), { signal }))
  const updated =
    before === undefined
      ? []
      : await update(
          on,
          operator,
          nodes.find(node => node.nodeId === nodeId),
        )
  const staked =
    toStakeFrost === 0n
      ? undefined
      : (await coordinator.staker(keys.wallet).stake(nodeId, toStakeFrost, { signal })).stake
  const totalFrost = nodes.reduce((sum, { stakedFrost }) => sum + stakedFrost, 0n)
  return {
    nodeId,
    name: config.name,
    address,
    registered: before === undefined ? 'now' : 'before',
    updated,
    stakeFrost: ownFrost + toStakeFrost,
    stakedFrost: toStakeFrost,
    fromEpoch: staked?.activationEpoch,
    shardFrost: totalFrost / BigInt(system.nShards),
  }
}

/** Before anything is sent: half a registration would be of no use. */
async function expectFunds(
  { coordinator, keys, faucet, signal }: Registering,
  stakeFrost: bigint,
): Promise<void> {
  const { address } = keys.wallet
  const { sui, wal } = await coordinator.balances(address, { signal })
  if (sui > 0n && wal >= stakeFrost) return
  const lacking = [
    ...(sui > 0n ? [] : ['SUI for gas (0.1 SUI is plenty)']),
    ...(wal >= stakeFrost ? [] : [`${formatWal(stakeFrost - wal)} to stake`]),
  ]
  throw new CliError(
    'INSUFFICIENT_FUNDS',
    EXIT.funds,
    `The node's wallet ${address} lacks ${lacking.join(' and ')}.`,
    {
      hint: faucet
        ? `\`floe faucet ${address}\` gives it coins, 1000 WAL at a time; then run this again.`
        : `It has ${formatSui(sui)} and ${formatWal(wal)}: send it what is missing, then run this again.`,
      details: { address, suiMist: `${sui}`, walFrost: `${wal}`, stakeFrost: `${stakeFrost}` },
    },
  )
}

async function candidateOf(
  { config, keys, dir }: Registering,
  system: SystemInfo,
  wanted: Wanted,
): Promise<Candidate> {
  const { loadBls } = await import('../../../codec/node.ts')
  const bls = await loadBls()
  const { nodeCapacityBytes, commissionRate } = wanted
  return {
    name: config.name,
    ...publicAddresses(config, keys, dir),
    networkPublicKey: keys.networkPublicKey,
    blsPublicKey: bls.publicKey(keys.blsSecret),
    sign: message => bls.sign(keys.blsSecret, message),
    commissionRate,
    nodeCapacityBytes,
    // as the network has them; `floe vote price` says otherwise
    storagePriceFrost: system.storagePriceFrost,
    writePriceFrost: system.writePriceFrost,
  }
}

/** Tells the chain what the config says otherwise now. */
async function update(
  { coordinator, config, keys, dir, signal }: Registering,
  operator: NodeOperator,
  record: NodeRecord | undefined,
): Promise<string[]> {
  const { networkAddress, multiaddrs } = publicAddresses(config, keys, dir)
  const { current } = await coordinator.committees({ signal })
  const known = current.members.find(({ nodeId }) => nodeId === record?.nodeId)?.multiaddrs
  const updated: string[] = []
  if (record?.networkAddress !== networkAddress) {
    await operator.setNetworkAddress(networkAddress, { signal })
    updated.push('networkAddress')
  }
  // of one that is not in the committee they are not known
  if (known?.join() !== multiaddrs.join()) {
    await operator.setMultiaddrs(multiaddrs, { signal })
    updated.push('multiaddrs')
  }
  if (record?.name !== config.name) {
    await operator.setName(config.name, { signal })
    updated.push('name')
  }
  return updated
}

/** What others are told. Throws CliError when nobody could reach that. */
function publicAddresses(
  config: NodeConfig,
  { networkSeed }: Pick<NodeKeys, 'networkSeed'>,
  dir: string,
): { networkAddress: string; multiaddrs: string[] } {
  const { announce = [], listen, reach = 'public' } = config
  const findsOut = announce.length === 0 && reach !== 'public'
  // members tell each other where such a node is by now
  const told = findsOut ? [] : announce.length > 0 ? announce : listen
  const multiaddrs = withCerthash(told, networkSeed)
  const networkAddress = config.publicHttp ?? config.http ?? ''
  const unclear = [networkAddress, ...multiaddrs].find(isUnclear)
  const isKnown = findsOut || multiaddrs.length > 0
  if (unclear === undefined && isKnown) return { networkAddress, multiaddrs }
  const path = join(dir, 'config.json')
  throw new CliError('USAGE', EXIT.usage, `Nobody could reach this node at ${unclear || 'any address'}.`, {
    hint: findsOut
      ? `Say in ${path} where its HTTP API is: "publicHttp", a port that is forwarded, or a relay's.`
      : `Say in ${path} how others do: "announce" and "publicHttp".`,
  })
}

const isUnclear = (address: string): boolean =>
  address === '' ||
  /^0\.0\.0\.0:|^\[::\]:|\/ip4\/0\.0\.0\.0\/|\/ip6\/::\/|\/(tcp|udp)\/0(\/|$)|:0$/.test(address)

function registeredText({ dir }: Registering, done: Registered): SafeText {
  const { nodeId, name, registered, updated, stakeFrost, stakedFrost, fromEpoch, shardFrost } = done
  const what =
    registered === 'now'
      ? 'is registered'
      : updated.length > 0
        ? `was registered; told the chain its ${updated.join(', ')}`
        : 'was registered'
  return lines([
    safe`${name} ${what}`,
    formatRows([
      ['node', nodeId],
      ['stake', `${formatWal(stakeFrost)}${stakedFrost > 0n ? `, ${formatWal(stakedFrost)} of it new` : ''}`],
      ...(fromEpoch === undefined
        ? []
        : [['shards', `from epoch ${fromEpoch} on, if its stake is enough`] as const]),
      ['a shard takes', `about ${formatWal(shardFrost)} of stake now`],
    ]),
    safe`\n  npx floe node run --dir ${shellWord(dir)}`,
  ])
}
