import type { Command } from 'commander'
import { actionsOf, type Run, usesWallet, walrusOption, wholeNumber } from '../declare.ts'

const OWNED = 'object ID, or blob ID of one that the wallet owns'

/** Commands of a blob's owner. */
export function declareBlobs(program: Command, run: Run): void {
  const blobs = actionsOf(run, () => import('./blobs.ts'))
  const extend = actionsOf(run, () => import('./extend.ts'))

  usesWallet(
    program
      .command('list-blobs')
      .description('list the blobs that the wallet owns')
      .option('--owner <address>', "another owner's instead")
      .option('--include-expired', 'those too whose time is over'),
  ).action(blobs('listBlobs'))

  usesWallet(
    program
      .command('extend')
      .description('store a blob for longer; a shared one pays from its own funds')
      .argument('[blob]', OWNED)
      .option('--epochs <count>', 'for how many epochs more', wholeNumber(1), 1)
      .addOption(walrusOption('--blob-obj-id <id>'))
      .addOption(walrusOption('--epochs-extended <count>').argParser(wholeNumber(1)))
      .addOption(walrusOption('--shared')),
  ).action(extend('extend'))

  usesWallet(
    program
      .command('delete')
      .description('delete blobs before their time; their storage goes back to the wallet')
      .argument('[blob...]', OWNED)
      .option('--file <file...>', "the blobs of these files, which are the wallet's")
      .addOption(walrusOption('--files <file...>'))
      .addOption(walrusOption('--blob-ids <id...>'))
      .addOption(walrusOption('--blob-id <id...>'))
      .addOption(walrusOption('--object-ids <id...>'))
      .addOption(walrusOption('--object-id <id...>'))
      .addOption(walrusOption('--yes'))
      .addOption(walrusOption('--no-status-check')),
  ).action(blobs('deleteBlobs'))

  usesWallet(
    program
      .command('burn')
      .alias('burn-blobs')
      .description('destroy Blob objects, expired or not; the nodes keep the data until it expires')
      .argument('[blob...]', OWNED)
      .option('--all-expired', 'all of the wallet whose time is over')
      .addOption(walrusOption('--all'))
      .addOption(walrusOption('--object-ids <id...>'))
      .addOption(walrusOption('--yes')),
  ).action(blobs('burn'))

  usesWallet(
    program
      .command('share')
      .description("make a blob nobody's: anyone may fund and extend it, for good")
      .argument('[blob]', OWNED)
      .option('--amount <wal>', 'WAL to be extended from')
      .addOption(walrusOption('--blob-obj-id <id>')),
  ).action(extend('share'))

  usesWallet(
    program
      .command('fund')
      .description('add WAL to what a shared blob is extended from')
      .argument('<shared-blob>', 'object ID, as `share` prints it')
      .argument('<amount>', 'in WAL'),
  ).action(extend('fund'))

  declareAttributes(
    program.command('attributes').description("a blob's attributes: keys and values on chain"),
    run,
  )
}

function declareAttributes(command: Command, run: Run): void {
  const attributes = actionsOf(run, () => import('./attributes.ts'))

  usesWallet(command.command('get').description('print them').argument('<blob>', OWNED)).action(
    attributes('getAttributes'),
  )

  usesWallet(
    command
      .command('set')
      .description('set some, the others stay')
      .argument('<blob>', OWNED)
      .argument('<key=value...>'),
  ).action(attributes('setAttributes'))

  usesWallet(
    command.command('remove').description('remove some').argument('<blob>', OWNED).argument('<key...>'),
  ).action(attributes('removeAttributes'))
}
