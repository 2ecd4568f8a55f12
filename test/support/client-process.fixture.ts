// The client side of client-process.test.ts: answers what it is asked, or dies of it.
process.on('message', (message: { type: string; text?: string }) => {
  if (message.type === 'die') throw new Error('dying as told');
  process.send?.({ type: 'noise' });
  process.send?.({ type: 'echo', text: message.text });
});
process.send?.({ type: 'ready', args: process.argv.slice(2), colour: process.env.COLOUR });
