import { type Command, InvalidArgumentError, Option } from 'commander'
import {
  actionsOf,
  jsonOption,
  MAX_SHARDS,
  type Run,
  readsNetwork,
  usesWallet,
  walrusOption,
  wholeNumber,
} from '../declare.ts'

// as in Walrus's client; 53 epochs are the most that the contract sells, and it says so itself
const DEFAULT_EPOCHS = 1

/** Options of a command that stores. */
export function storing(command: Command): Command {
  return command
    .addOption(
      new Option('--epochs <count>', 'for how many epochs; max is as many as are sold')
        .argParser(epochCount)
        .default(DEFAULT_EPOCHS),
    )
    .addOption(
      new Option('--end-epoch <epoch>', 'until the beginning of this epoch instead')
        .argParser(wholeNumber(1))
        .conflicts(['epochs', 'earliestExpiryTime']),
    )
    .addOption(
      new Option(
        '--earliest-expiry-time <time>',
        'at least until then instead: 2027-01-31T12:00:00Z, or without a zone in UTC',
      )
        .argParser(timeOf)
        .conflicts('epochs'),
    )
    .option('--dry-run', 'say what it would cost, all bought, and ask no wallet')
    .addOption(new Option('--permanent', 'nobody can delete it before its time').conflicts('deletable'))
    .addOption(
      new Option(
        '--share',
        "make it nobody's, for good: anyone may fund and extend it; it is permanent",
      ).conflicts('deletable'),
    )
    .option('--force', 'store and pay again what is stored already')
    .option('--ignore-resources', 'buy all of it, and use nothing that the wallet has')
    .option('--upload-relay <url>', 'have an upload relay send it to the nodes')
    .option('--max-tip <sui>', 'what an upload relay may take for each blob (default: 0)')
    .addOption(walrusOption('--skip-tip-confirmation'))
    .addOption(walrusOption('--deletable'))
}

function epochCount(text: string): number | 'max' {
  return text === 'max' ? text : wholeNumber(1)(text)
}

const TIME = /^(\d{4}-\d\d-(\d\d))[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:\d\d)?$/i

/** ms since 1970 */
function timeOf(text: string): number {
  const [, date, day, time, zone = 'Z'] = TIME.exec(text) ?? []
  const ms = Date.parse(`${date}T${time}${zone.toUpperCase()}`)
  // there is no 30th of February, and Date takes it for the 2nd of March
  if (!Number.isNaN(ms) && new Date(`${date}T00:00:00Z`).getUTCDate() === Number(day)) return ms
  throw new InvalidArgumentError('It must be a date and a time: 2027-01-31T12:00:00Z.')
}

/** Commands that store and read files, and the codec's, which work offline. */
export function declareFiles(program: Command, run: Run): void {
  const store = actionsOf(run, () => import('./store.ts'))
  const read = actionsOf(run, () => import('./read.ts'))

  usesWallet(
    storing(
      program
        .command('store')
        .alias('write')
        .description('store files on the network')
        .argument('<file...>', 'files; - is standard input')
        .option('--no-quilt', 'a blob for each file, also where one quilt for small ones costs less'),
    ),
  ).action(store('store'))

  readsNetwork(
    program
      .command('read')
      .description('read a blob from the storage nodes')
      .argument('<blob-id>')
      .option('-o, --output <file>', 'write to a file instead of standard output')
      .addOption(walrusOption('--out <file>'))
      .option('--resume', 'go on where the same command was cut short, and keep what there is when it is')
      .option('--cache <folder>', 'keep what is read there, and take from there what was: 1 GiB, for a week')
      .addOption(
        new Option(
          '--strict-consistency-check',
          'write nothing before all of it was encoded again: what was encoded wrongly can be told apart at once',
        ).conflicts('skipConsistencyCheck'),
      )
      .option('--skip-consistency-check', 'write each part as soon as its slivers were verified'),
  ).action(read('read'))

  readsNetwork(
    program
      .command('status')
      .alias('blob-status')
      .description('ask the nodes what they know of a blob')
      .argument('[blob-id]')
      .option('--blob-id <id>', 'the same')
      .option('--file <file>', "of this file's blob"),
  ).action(read('status'))

  declareOffline(program, run)
}

/** What needs no network. */
function declareOffline(program: Command, run: Run): void {
  const blobId = actionsOf(run, () => import('./blob-id.ts'))
  const encode = actionsOf(run, () => import('./encode.ts'))
  const decode = actionsOf(run, () => import('./decode.ts'))

  readsNetwork(
    program
      .command('blob-id')
      .description('compute blob IDs, offline')
      .argument('<file...>', 'files; - is standard input')
      .option(
        '--shards <count>',
        "shards of the network (default: that of the network's file, else 1000)",
        wholeNumber(1, MAX_SHARDS),
      )
      .addOption(walrusOption('--n-shards <count>').argParser(wholeNumber(1, MAX_SHARDS))),
  ).action(blobId('blobId'))

  readsNetwork(
    program
      .command('convert-blob-id')
      .description('tell the blob ID of a number, hex or other base64, and its other forms')
      .argument('<id>', 'an object ID is looked up when --network is given'),
  ).action(blobId('convertBlobId'))

  program
    .command('encode')
    .description('encode a file into its slivers, offline')
    .argument('<file>')
    .requiredOption('--out <folder>', 'where the slivers go: a new or empty folder')
    .option('--shards <count>', 'shards of the network', wholeNumber(1, MAX_SHARDS), 1000)
    .addOption(jsonOption())
    .action(encode('encode'))

  program
    .command('decode')
    .description('put a file together from its slivers, offline')
    .argument('<folder>', 'with metadata.bin and enough slivers')
    .requiredOption('-o, --output <file>', 'the file to write')
    .addOption(jsonOption())
    .action(decode('decode'))
}
