import type { Command } from 'commander'
import { type Run, usesWallet, wholeNumber } from './options.ts'

const OWNED = 'object ID, or blob ID of one that the wallet owns'

/** Commands of a blob's owner. */
export function declareBlobs(program: Command, run: Run): void {
  usesWallet(
    program
      .command('list-blobs')
      .description('list the blobs that the wallet owns')
      .option('--owner <address>', "another owner's instead")
      .option('--include-expired', 'those too whose time is over'),
  ).action(options =>
    run(async context => (await import('../commands/list-blobs.ts')).listBlobs(context, options), options),
  )

  usesWallet(
    program
      .command('extend')
      .description('store a blob for longer; a shared one pays from its own funds')
      .argument('<blob>', OWNED)
      .option('--epochs <count>', 'for how many epochs more', wholeNumber(1), 1),
  ).action((blob, options) =>
    run(async context => (await import('../commands/extend.ts')).extend(context, blob, options), options),
  )

  usesWallet(
    program
      .command('delete')
      .description('delete blobs before their time; their storage goes back to the wallet')
      .argument('<blob...>', OWNED),
  ).action((blobs, options) =>
    run(
      async context => (await import('../commands/delete.ts')).deleteBlobs(context, blobs, options),
      options,
    ),
  )

  usesWallet(
    program
      .command('burn')
      .description('destroy Blob objects, expired or not; the nodes keep the data until it expires')
      .argument('<blob...>', OWNED),
  ).action((blobs, options) =>
    run(async context => (await import('../commands/burn.ts')).burn(context, blobs, options), options),
  )

  usesWallet(
    program
      .command('share')
      .description("make a blob nobody's: anyone may fund and extend it, for good")
      .argument('<blob>', OWNED)
      .option('--amount <wal>', 'WAL to be extended from'),
  ).action((blob, options) =>
    run(async context => (await import('../commands/share.ts')).share(context, blob, options), options),
  )

  usesWallet(
    program
      .command('fund')
      .description('add WAL to what a shared blob is extended from')
      .argument('<shared-blob>', 'object ID, as `share` prints it')
      .argument('<amount>', 'in WAL'),
  ).action((blob, amount, options) =>
    run(async context => (await import('../commands/fund.ts')).fund(context, blob, amount, options), options),
  )

  declareAttributes(
    program.command('attributes').description("a blob's attributes: keys and values on chain"),
    run,
  )
}

function declareAttributes(attributes: Command, run: Run): void {
  const load = () => import('../commands/attributes.ts')

  usesWallet(attributes.command('get').description('print them').argument('<blob>', OWNED)).action(
    (blob, options) => run(async context => (await load()).getAttributes(context, blob, options), options),
  )

  usesWallet(
    attributes
      .command('set')
      .description('set some, the others stay')
      .argument('<blob>', OWNED)
      .argument('<key=value...>'),
  ).action((blob, pairs, options) =>
    run(async context => (await load()).setAttributes(context, blob, pairs, options), options),
  )

  usesWallet(
    attributes.command('remove').description('remove some').argument('<blob>', OWNED).argument('<key...>'),
  ).action((blob, keys, options) =>
    run(async context => (await load()).removeAttributes(context, blob, keys, options), options),
  )
}
