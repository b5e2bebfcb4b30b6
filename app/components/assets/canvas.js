// One map, or one picture.
export default function ({ data, parentElement, setTriggerValue }) {
  const view = remember(parentElement, () => new MapView(parentElement));
  view.send = (index) => setTriggerValue("pick", index);
  view.selection.send = (box) => setTriggerValue("region", box ?? []);
  view.brush.following.send = (message) => setTriggerValue("stroke", message);
  view.show(openFrame(data));
  return () => view.close();
}
