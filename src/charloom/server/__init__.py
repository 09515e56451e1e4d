"""What Charloom's servers share: running an app, and keeping foreign pages out."""
