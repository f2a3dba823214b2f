import { Argument, type Command, InvalidArgumentError, Option } from 'commander'
import {
  actionsOf,
  DEFAULT_DIR,
  DEFAULT_NODE_DIR,
  jsonOption,
  logOption,
  type Run,
  wholeNumber,
} from '../declare.ts'

/** Four in a row: libp2p, HTTP, metrics, WebSockets. */
const FIRST_PORT = 31_500

const dirOption = () =>
  new Option('--dir <folder>', "the node's folder: keys, config, store").default(DEFAULT_NODE_DIR)

type Action = (...parsed: unknown[]) => void

/** A command of one node, whose folder may stand without `--dir`, too. */
function ofNode(node: Command, name: string, action: Action): Command {
  return node
    .command(name)
    .argument('[folder]', 'the same as --dir')
    .addOption(dirOption())
    .action((folder: string | undefined, options: { dir: string }, command: Command) => {
      if (folder !== undefined && command.getOptionValueSource('dir') === 'cli')
        command.error(`The folder is given twice: ${options.dir} by --dir, and ${folder}.`)
      action({ ...options, dir: folder ?? options.dir }, command)
    })
}

const nodeNetworkOption = () =>
  new Option('--network <file>', "the network's file (default: what the node's config names)")

/** Commands of those who run a storage node of their own. */
export function declareNodes(program: Command, run: Run): void {
  const setUp = actionsOf(run, () => import('./set-up.ts'))
  const health = actionsOf(run, () => import('./health.ts'))
  const node = program.command('node').description('run a storage node of your own')

  ofNode(node, 'init', setUp('init'))
    .description('make its keys and a config file')
    .option(
      '--network <file|name>',
      `the network's file, or testnet or mainnet (default: ${DEFAULT_DIR}/network.json, from here upwards)`,
    )
    .option('--name <name>', 'as people read it', 'my-node')
    .option(
      '--host <name>',
      'DNS name or IP address by which others reach it, or auto: it finds out, and asks the router for a port (default: only this machine does)',
    )
    .option(
      '--port <port>',
      'for libp2p; the next three are for HTTP, metrics and WebSockets',
      wholeNumber(1, 65_532),
      FIRST_PORT,
    )
    .option('--tls-cert <file>', 'certificate of the host, PEM: pages that came by HTTPS reach it, too')
    .option('--tls-key <file>', 'its key')
    .option('--no-webrtc', 'pages reach it by WebSockets alone')
    .addOption(jsonOption())

  ofNode(node, 'register', setUp('register'))
    .description('register it on the chain, stake with it, and tell where it is; what is done stays as it is')
    .addOption(nodeNetworkOption())
    .option('--stake <amount>', "in WAL: what the node's own wallet is to have staked with it in all")
    .option('--capacity <size>', 'what it can hold, of all that is stored on the network', '1TiB')
    .option('--commission <percent>', 'its share of what stakes with it earn', percent, 0)
    .addOption(jsonOption())

  declareRun(node, run)
  declareChanges(node, run)
  declareKeeping(node, run)

  program
    .command('health')
    .description('how storage nodes are: exit code 0 when each has all that it must have')
    .argument('[nodes...]', 'names or IDs, as `info committee` lists them (default: the node of --dir)')
    .option('--all', "all of the committee's")
    .addOption(dirOption())
    .option(
      '--network <file>',
      "the network's file (default: what the node's config names; for others, from here upwards)",
    )
    .addOption(jsonOption())
    .action(health('health'))
}

/** A node while it runs. */
function declareRun(node: Command, run: Run): void {
  const running = actionsOf(run, () => import('./run.ts'))

  ofNode(node, 'run', running('run'))
    .description('run it until it is told to stop')
    .addOption(nodeNetworkOption())
    .addOption(
      new Option(
        '--private',
        "without an address of its own: it is reached over relays, and listens on nothing (default: the config's)",
      ).conflicts('public'),
    )
    .option('--public', 'at addresses of its own')
    .option(
      '--relay <address...>',
      "multiaddrs, with PeerIds, of relays to begin with (default: the config's, or the network's)",
    )
    .option('--no-upnp', "does not ask the router for a port (default: the config's)")
    .addOption(logOption('info'))
    .addOption(jsonOption())

  ofNode(node, 'status', actionsOf(run, () => import('./status.ts'))('status'))
    .description('how others reach the running node: relays, paths, what its line has carried')
    .addOption(nodeNetworkOption())
    .addOption(jsonOption())
}

/** What a node in office does of its own accord. */
function declareChanges(node: Command, run: Run): void {
  const leaving = actionsOf(run, () => import('./leave.ts'))
  const rotating = actionsOf(run, () => import('./rotate-key.ts'))

  ofNode(node, 'leave', leaving('leave'))
    .description("give notice of the node's own stake, and tell when it may be stopped")
    .addOption(nodeNetworkOption())
    .option('--wait', 'until it may be stopped')
    .addOption(jsonOption())

  node
    .command('rotate-key')
    .description('make a new key, and announce it; the node goes over to it by itself')
    .addArgument(
      new Argument('<key>', 'the key with which it signs, or by which peers know it').choices([
        'bls',
        'network',
      ]),
    )
    .addOption(dirOption())
    .addOption(nodeNetworkOption())
    .option(
      '--port <port>',
      'where it listens by its new network key until the old one goes (default: four above its own)',
      wholeNumber(1, 65_535),
    )
    .addOption(jsonOption())
    .action(rotating('rotateKey'))
}

/** What is done with what a node has stored. */
function declareKeeping(node: Command, run: Run): void {
  const keeping = actionsOf(run, () => import('./keep.ts'))

  ofNode(node, 'check', keeping('check'))
    .description(
      'compare what it has stored with its index, while it does not run: exit code 0 when all is right',
    )
    .addOption(nodeNetworkOption())
    .option('--repair', 'put right what can be: what is missing it gets from others once it runs')
    .option('--deep', "compare each sliver with its blob's metadata too, which takes longer")
    .addOption(jsonOption())

  node
    .command('backup')
    .description('write a backup of config, keys and store to a new folder, while it runs or not')
    .argument('<target>', 'the folder that it becomes')
    .addOption(dirOption())
    .addOption(nodeNetworkOption())
    .option('--without-keys', 'leave the keys out')
    .addOption(jsonOption())
    .action(keeping('backup'))

  node
    .command('restore')
    .description("make a node's folder from a backup, and check it")
    .argument('<source>', 'the folder of the backup')
    .addOption(dirOption())
    .option('--repair', 'take a damaged backup without what is damaged: the node gets that from others')
    .addOption(jsonOption())
    .action(keeping('restore'))
}

/** In hundredths. */
function percent(text: string): number {
  if (/^\d{1,3}(\.\d{1,2})?$/.test(text) && Number(text) <= 100) return Math.round(Number(text) * 100)
  throw new InvalidArgumentError('It must be a number from 0 to 100, with at most two decimals.')
}
