import { Command, InvalidArgumentError, Option } from 'commander'
import { DEFAULT_GATEWAY_PORT } from '../gateway/options.ts'
import { version } from '../version.ts'
import type { Context } from './context.ts'
import type { ExitCode } from './exit-codes.ts'
import { DEFAULT_DIR } from './network-file.ts'

// as in Walrus's client; 53 epochs are the most that the contract sells, and it says so itself
const DEFAULT_EPOCHS = 1
// the field of 2^16 elements bounds an encoding
const MAX_SHARDS = 65_535

/** What a parsed command line asks for. */
export type Task = (context: Context) => Promise<ExitCode>

/** Declares every command; the one that was asked for is handed to `run`. Commands are loaded when they run. */
export function createProgram(run: (task: Task, options: { json?: boolean }) => void): Command {
  const program = new Command('floe')
    .description(
      'A decentralized blob store: files go to storage nodes by shards, and come back checked byte for byte.',
    )
    .version(version)
    .enablePositionalOptions()
    .showHelpAfterError('(floe --help tells more)')
    .addHelpText(
      'after',
      '\nExit codes: 0 ok, 1 unexpected, 2 usage, 3 no network, 4 not found, 5 unavailable,\n6 funds, 7 integrity, 8 refused, 9 port or folder in use, 130 interrupted',
    )

  const json = () => new Option('--json', 'one JSON line per result on stdout, errors as JSON on stderr')
  const network = () =>
    new Option(
      '--network <file>',
      `the network's file (default: ${DEFAULT_DIR}/network.json, from here upwards)`,
    )
  const wallet = () => new Option('--wallet <file>', "the Sui key that pays (default: the devnet user's)")

  program
    .command('up')
    .description('run a whole network here: Sui, storage nodes and a gateway')
    .option('--nodes <count>', 'storage nodes', wholeNumber(1), 13)
    .option('--shards <count>', 'shards, divided among the nodes', wholeNumber(1, MAX_SHARDS), 100)
    .option(
      '--port <port>',
      "the gateway's port; 0 for any free one",
      wholeNumber(0, 65_535),
      DEFAULT_GATEWAY_PORT,
    )
    .option('--dir <folder>', 'where everything is kept', DEFAULT_DIR)
    .addOption(
      new Option('--log <level>', 'log lines on stderr')
        .choices(['silent', 'error', 'warn', 'info', 'debug'])
        .default('warn'),
    )
    .addOption(json())
    .action(options => run(async context => (await import('./commands/up.ts')).up(context, options), options))

  program
    .command('store')
    .description('store files on the network')
    .argument('<file...>', 'files; - is standard input')
    .option('--epochs <count>', 'for how many epochs', wholeNumber(1), DEFAULT_EPOCHS)
    .option('--permanent', 'nobody can delete it before its time')
    .option('--force', 'store and pay again what is stored already')
    .addOption(network())
    .addOption(wallet())
    .addOption(json())
    .action((files, options) =>
      run(async context => (await import('./commands/store.ts')).store(context, files, options), options),
    )

  program
    .command('read')
    .description('read a blob from the storage nodes')
    .argument('<blob-id>')
    .option('-o, --output <file>', 'write to a file instead of standard output')
    .addOption(network())
    .addOption(json())
    .action((blobId, options) =>
      run(async context => (await import('./commands/read.ts')).read(context, blobId, options), options),
    )

  program
    .command('blob-id')
    .description('compute blob IDs, offline')
    .argument('<file...>', 'files; - is standard input')
    .option(
      '--shards <count>',
      "shards of the network (default: that of the network's file, else 1000)",
      wholeNumber(1, MAX_SHARDS),
    )
    .addOption(network())
    .addOption(json())
    .action((files, options) =>
      run(async context => (await import('./commands/blob-id.ts')).blobId(context, files, options), options),
    )

  program
    .command('encode')
    .description('encode a file into its slivers, offline')
    .argument('<file>')
    .requiredOption('--out <folder>', 'where the slivers go: a new or empty folder')
    .option('--shards <count>', 'shards of the network', wholeNumber(1, MAX_SHARDS), 1000)
    .addOption(json())
    .action((file, options) =>
      run(async context => (await import('./commands/encode.ts')).encode(context, file, options), options),
    )

  program
    .command('decode')
    .description('put a file together from its slivers, offline')
    .argument('<folder>', 'with metadata.bin and enough slivers')
    .requiredOption('-o, --output <file>', 'the file to write')
    .addOption(json())
    .action((folder, options) =>
      run(async context => (await import('./commands/decode.ts')).decode(context, folder, options), options),
    )

  program
    .command('status')
    .description('ask the nodes what they know of a blob')
    .argument('<blob-id>')
    .addOption(network())
    .addOption(json())
    .action((blobId, options) =>
      run(async context => (await import('./commands/status.ts')).status(context, blobId, options), options),
    )

  program
    .command('info')
    .description('committee, epoch, prices and capacity')
    .addOption(network())
    .addOption(json())
    .action(options =>
      run(async context => (await import('./commands/info.ts')).info(context, options), options),
    )

  return program
}

function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return text => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= min && value <= max) return value
    const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`
    throw new InvalidArgumentError(`It must be a whole number ${range}.`)
  }
}
